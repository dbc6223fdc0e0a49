#!/usr/bin/env bash
# Make .cache/bench-venv with the peers that `make bench` runs beside us; they never share our environment.
set -euo pipefail
. "$(dirname "$0")/say.sh"
log=.cache/setup/bench-pip.log
trust_system_certificates
command -v h2load >/dev/null || say "→ 未安装 h2load（nghttp2-client），改用 Python 发出请求，且不测过载 / h2load is not installed: requests come from Python, overload is not measured"
wanted=$(readlink -f .venv/bin/python; sha256sum <requirements/bench.lock)
is_done .cache/bench-venv/.stamp "$wanted" && exit
say "→ 对照软件 / peers: requirements/bench.lock"
quietly "$log" .venv/bin/python -m venv .cache/bench-venv || die 3 "无法建立环境：$(why "$log")" "the environment could not be made"
quietly "$log" .cache/bench-venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements/bench.lock ||
  die 3 "对照软件安装失败：$(why "$log")" "the peers could not be installed"
mark_done .cache/bench-venv/.stamp "$wanted"
