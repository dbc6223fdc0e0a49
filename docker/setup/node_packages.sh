#!/usr/bin/env bash
# Build the viewer, and for tests fetch the other readers of our tiles: node_packages.sh run|test
#
# Node.js and npm come from the wheel in .venv; distributions' are too old for the tools.
set -euo pipefail
. "$(dirname "$0")/say.sh"
purpose=$1
npm=docker/setup/npm.sh

install_packages() { # install_packages FOLDER
  local log=.cache/setup/npm.log
  is_done "$1/node_modules/.stamp" "$(fingerprint "$1/package-lock.json")" && return
  say "→ Node 依赖 / packages: $1"
  quietly "$log" "$npm" --prefix "$1" ci --no-audit --no-fund || die 3 "npm 依赖安装失败：$(why "$log")" "npm packages could not be installed"
  mark_done "$1/node_modules/.stamp" "$(fingerprint "$1/package-lock.json")"
}

build_viewer() {
  local log=.cache/setup/viewer.log wanted
  wanted=$(fingerprint twin/viewer)
  is_done twin/viewer/dist/.stamp "$wanted" && return
  install_packages twin/viewer
  say "→ 浏览器端 / viewer"
  quietly "$log" "$npm" --prefix twin/viewer run build || die 3 "浏览器端构建失败：$(why "$log")" "the viewer could not be built"
  mark_done twin/viewer/dist/.stamp "$wanted"
}

[[ ! -e twin/viewer/package-lock.json ]] || build_viewer
if [[ $purpose == test ]]; then
  [[ ! -e twin/viewer/package-lock.json ]] || install_packages twin/viewer
  [[ ! -e tests/node/package-lock.json ]] || install_packages tests/node
  [[ ! -e tests/node/tools/package-lock.json ]] || install_packages tests/node/tools
fi
