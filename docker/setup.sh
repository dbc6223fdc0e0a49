#!/usr/bin/env bash
# Make this checkout ready: setup.sh run|test. Each step does only what is missing; a second run takes under a second.
set -euo pipefail
cd "$(dirname "$0")/.."
. docker/setup/say.sh
purpose=${1:-run}
mkdir -p .cache/setup
exec 9>.cache/setup/lock
flock 9

room_mib=$(df --output=avail -m . | tail -1)
[[ -e .venv/.stamps/python || $room_mib -ge 3000 ]] ||
  die 3 "磁盘空间不足：需要 3000 MiB，可用 ${room_mib// /} MiB" "the disk is too full: 3000 MiB are needed, ${room_mib// /} are free"

started=$SECONDS
for step in system_packages python_environment node_packages warm_kernels; do
  docker/setup/$step.sh "$purpose" 9>&-
done
[[ $((SECONDS - started)) -lt 2 ]] || say "✓ 准备完成 / ready ($((SECONDS - started)) s)"
