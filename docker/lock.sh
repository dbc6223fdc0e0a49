#!/usr/bin/env bash
# Regenerate requirements/*.lock: every version pinned, every wheel's hash, for Python 3.12 and later, with no index named.
#
# What is pinned stays as it is where it fits; UPGRADE=1 takes the newest of everything.
# uv is a tool of this one step, in an environment of its own; installing needs plain pip only.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
tools=.cache/lock-tools
[[ -x $tools/bin/uv ]] || { "$python" -m venv "$tools" && "$tools/bin/python" -m pip install --quiet uv; }
export SSL_CERT_FILE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}

compile() { # compile LOCK SOURCE...
  local lock=requirements/$1.lock
  shift
  "$tools/bin/uv" pip compile --universal --python-version 3.12 --generate-hashes --no-annotate --no-header --no-emit-index-url \
    --quiet ${UPGRADE:+--upgrade} --output-file "$lock" "$@"
  sed -i '1i # Made by `make lock`. Install with: pip install --require-hashes -r THIS' "$lock"
}

compile build requirements/build.in
compile run pyproject.toml --constraint requirements/build.lock --constraint requirements/held.in
compile test pyproject.toml --extra test --constraint requirements/build.lock --constraint requirements/run.lock
compile cluster pyproject.toml --extra cluster --constraint requirements/build.lock --constraint requirements/run.lock
compile bench requirements/bench.in
compile ogctests requirements/ogctests.in
