#!/usr/bin/env bash
# Make .venv with the locked dependencies and this project in it: python_environment.sh run|test
set -euo pipefail
. "$(dirname "$0")/say.sh"
. "$(dirname "$0")/find_python.sh"
purpose=$1
log=.cache/setup/pip.log
trust_system_certificates

make_environment() {
  local python
  new_enough .venv/bin/python && { [[ -e .venv/.stamps/python ]] || .venv/bin/python -m pip --version >/dev/null 2>&1; } && return
  python=$(find_python) || die 2 "需要 Python ≥ 3.12" "Python ≥ 3.12 is needed"
  say "→ Python 环境 / environment: $("$python" --version)"
  rm -rf .venv
  quietly "$log" "$python" -m venv .venv || die 3 "无法建立 .venv：$(why "$log")" ".venv could not be made"
}

pip_install() {
  quietly "$log" .venv/bin/python -m pip install --disable-pip-version-check --no-input --retries 5 "$@" ||
    die 3 "Python 依赖安装失败：$(why "$log")" "Python packages could not be installed"
}

install_locked() { # install_locked STAMP LOCK
  local wanted
  wanted=$(readlink -f .venv/bin/python; cat requirements/build.lock "requirements/$2.lock" | sha256sum)
  is_done ".venv/.stamps/$1" "$wanted" && return
  say "→ Python 依赖 / packages: requirements/$2.lock"
  # what builds comes first, so that the build of the one source package fetches nothing unpinned
  pip_install --require-hashes -r requirements/build.lock
  pip_install --require-hashes --no-build-isolation -r "requirements/$2.lock"
  mark_done ".venv/.stamps/$1" "$wanted"
}

install_project() {
  local wanted
  wanted="$(sha256sum <pyproject.toml) $PWD"
  is_done .venv/.stamps/project "$wanted" && return
  pip_install --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
  mark_done .venv/.stamps/project "$wanted"
}

make_environment
install_locked python run
[[ $purpose != test ]] || install_locked python-test test
install_project
