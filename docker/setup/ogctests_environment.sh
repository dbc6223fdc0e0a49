#!/usr/bin/env bash
# Make .cache/ogctests-venv with the tests of OGC API - Features that others wrote; what they need never shares our environment.
set -euo pipefail
. "$(dirname "$0")/say.sh"
log=.cache/setup/ogctests-pip.log
trust_system_certificates
wanted=$(readlink -f .venv/bin/python; sha256sum <requirements/ogctests.lock)
is_done .cache/ogctests-venv/.stamp "$wanted" && exit
say "→ OGC API 符合性测试 / conformance tests: requirements/ogctests.lock"
quietly "$log" .venv/bin/python -m venv .cache/ogctests-venv || die 3 "无法建立环境：$(why "$log")" "the environment could not be made"
quietly "$log" .cache/ogctests-venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements/ogctests.lock ||
  die 3 "符合性测试安装失败：$(why "$log")" "the conformance tests could not be installed"
mark_done .cache/ogctests-venv/.stamp "$wanted"
