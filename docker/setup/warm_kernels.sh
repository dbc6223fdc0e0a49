#!/usr/bin/env bash
# Compile the numeric kernels now, so that the first command does not wait for them; numba keeps them beside their modules.
set -euo pipefail
. "$(dirname "$0")/say.sh"
log=.cache/setup/warm.log
wanted=$(readlink -f .venv/bin/python; find twin tiles ingest -name '*.py' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
is_done .venv/.stamps/kernels "$wanted" && exit
say "→ 预编译 / compiling kernels"
quietly "$log" .venv/bin/twin warm || die 3 "预编译失败" "kernels could not be compiled: $(tail -1 "$log")"
mark_done .venv/.stamps/kernels "$wanted"
