#!/usr/bin/env bash
# Install the distribution's packages that are missing, and only those: system_packages.sh run|test
#
# Debian and its kin, by apt, as root or through sudo. Where neither is at hand, one line says what to install. Python is taken from the
# distribution when it has 3.12 or later; no interpreter is downloaded from anywhere else.
set -euo pipefail
. "$(dirname "$0")/say.sh"
. "$(dirname "$0")/find_python.sh"
purpose=$1
missing=()

has_postgis() {
  local bin
  for bin in /usr/lib/postgresql/*/bin; do
    [[ -x $bin/initdb && -e /usr/share/postgresql/$(basename "$(dirname "$bin")")/extension/postgis.control ]] && return 0
  done
  command -v pg_config >/dev/null && [[ -x $(pg_config --bindir)/initdb && -e $(pg_config --sharedir)/extension/postgis.control ]]
}

has_font_for_chinese() { compgen -G '/usr/share/fonts/*/*/*CJK*' >/dev/null || compgen -G "$HOME/.local/share/fonts/*CJK*" >/dev/null; }

# The first Debian whose QGIS asks what its tests want asked is 13; older ones skip them.
has_qgis_of_today() { (. /etc/os-release && [[ ${ID-} == debian && ${VERSION_ID:-0} -ge 13 ]]); }

list_missing_for_python() {
  local python version
  if ! python=$(find_python); then
    missing+=(python3 python3-venv python3-dev g++)
    return
  fi
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python$version-venv")
  # one dependency (meshoptimizer) is published as source only
  [[ -e $("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h ]] || missing+=("python$version-dev")
  command -v c++ >/dev/null || missing+=(g++)
}

list_missing() {
  [[ -e .venv/.stamps/python ]] && new_enough .venv/bin/python || list_missing_for_python
  has_postgis || missing+=(postgis)
  [[ -e /usr/share/proj/egm96_15.gtx || -n ${TWIN_PROJ_DATA-} ]] || missing+=(proj-data)
  command -v mdb-export >/dev/null || missing+=(mdbtools) # reads Access databases
  [[ -e /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
  ldconfig -p 2>/dev/null | grep 'libexpat\.so\.1' >/dev/null || missing+=(libexpat1) # the wheels of rasterio and pyogrio expect it
  has_font_for_chinese || missing+=(fonts-noto-cjk) # acceptance sheets are set in it
  if [[ $purpose == test ]]; then
    command -v chromium >/dev/null || missing+=(chromium)
    command -v pdftotext >/dev/null || missing+=(poppler-utils) # another reader of the acceptance sheets
    command -v ogr2ogr >/dev/null || missing+=(gdal-bin)        # a client of every door, and who writes files for the readers
    ! has_qgis_of_today || [[ -e /usr/share/doc/python3-qgis ]] || missing+=(python3-qgis)
  fi
}

become_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  else
    sudo DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

apt() { DEBIAN_FRONTEND=noninteractive become_root apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq "$@"; }

# The missing packages by name. PostGIS is packaged per server version: the newest one, known once there are package lists.
named() {
  local postgis
  postgis=$(apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' 2>/dev/null | cut -d' ' -f1 | sort -t- -k2 -n | tail -1)
  printf '%s' "${missing[*]/#postgis/${postgis:-postgresql-NN-postgis-3}}"
}

refuse_old_python() {
  local candidate
  candidate=$(LC_ALL=C apt-cache policy python3 | sed -n 's/.*Candidate: \([0-9]*\.[0-9]*\).*/\1/p')
  dpkg --compare-versions "${candidate:-0}" ge 3.12 ||
    die 2 "需要 Python ≥ 3.12，本系统只提供 ${candidate:-无}，请先安装（例如 pyenv install 3.12）" \
      "Python ≥ 3.12 is needed, this system offers ${candidate:-none}: install one first (e.g. pyenv install 3.12)"
}

install_missing() {
  local log=.cache/setup/apt.log wanted
  wanted=$(named)
  command -v apt-get >/dev/null || die 2 "请先安装：$wanted" "please install: $wanted"
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || die 2 "既非 root 也没有 sudo，请管理员运行" "neither root nor sudo, ask the administrator: apt install $wanted"
    sudo -n true 2>/dev/null || { [[ -t 0 ]] && sudo -v; } ||
      die 2 "sudo 未授权，请管理员运行" "sudo was refused, ask the administrator: apt install $wanted"
  fi
  say "→ 系统软件包 / system packages: $wanted"
  quietly "$log" apt update || die 3 "apt 更新失败：$(why "$log")" "apt-get update failed"
  [[ " ${missing[*]} " != *" python3 "* ]] || refuse_old_python
  wanted=$(named)
  [[ $wanted != *-NN-* ]] || die 2 "软件源中没有 postgresql-NN-postgis-3" "the package source has no postgresql-NN-postgis-3"
  [[ $wanted != *-postgis-3* ]] || without_system_cluster
  # shellcheck disable=SC2086  # a list of package names
  quietly "$log" apt install --no-install-recommends $wanted || die 3 "软件包安装失败：$(why "$log")" "packages could not be installed"
}

# Debian starts a server of the system with the package. We do not need it: leave it out this once, without changing the system's setting.
without_system_cluster() {
  local folder=/etc/postgresql-common/createcluster.d
  [[ -e $folder/citytwin.conf ]] && return
  become_root mkdir -p "$folder"
  echo 'create_main_cluster = false' | become_root tee "$folder/citytwin.conf" >/dev/null
  trap 'become_root rm -f /etc/postgresql-common/createcluster.d/citytwin.conf' EXIT
}

list_missing
[[ ${#missing[@]} -eq 0 ]] || install_missing
