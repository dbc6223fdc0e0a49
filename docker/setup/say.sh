# Sourced by the other steps: how they speak, fail, and know that there is nothing to do.

say() { printf '%s\n' "$*" >&2; }

# die CODE "zh" "en": one clear line, no trace. Exit 3 is ours, 2 is a machine that lacks something.
die() {
  local code=$1
  shift
  printf '✗ %s / %s\n' "$1" "$2" >&2
  exit "$code"
}

# quietly LOG COMMAND...: run with all output in LOG.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 </dev/null
}

# why LOG: the likely cause, told in one line by what the tool wrote.
why() {
  if grep -qiE 'no space left|\benospc\b|disk quota' "$1"; then
    echo "磁盘空间不足 / the disk is full"
  elif grep -qiE 'could not resolve|temporary failure|name resolution|connection (refused|timed out|reset|broken)|network is unreachable|\b(enotfound|etimedout|econnre[a-z]*)\b|unable to connect|failed to establish|max retries|read timed out|unable to fetch|failed to fetch' "$1"; then
    echo "无法访问网络或软件源 / the network or the package source cannot be reached"
  elif grep -qiE 'do not match the hashes|eintegrity' "$1"; then
    echo "下载的文件与锁定的校验值不符 / a downloaded file does not match its locked hash"
  elif grep -qiE 'self.signed cert|unable to get local issuer|certificate verify failed' "$1"; then
    echo "服务器证书不受信任 / a server's certificate is not trusted (日志 / log: $1)"
  else
    echo "$(grep -iE 'error|fail|^E: ' "$1" | grep -v 'complete log' | tail -1 | cut -c1-200) (日志 / log: $1)"
  fi
}

# What the system trusts is trusted here: an old pip has certificates of its own only.
trust_system_certificates() {
  local system=/etc/ssl/certs/ca-certificates.crt
  [[ ! -e $system ]] || export PIP_CERT=${PIP_CERT:-$system}
}

# is_done STAMP CONTENT / mark_done STAMP CONTENT: a step is done when its stamp holds what it was done for.
is_done() { [[ -f $1 && $(<"$1") == "$2" ]]; }
mark_done() { mkdir -p "$(dirname "$1")" && printf '%s\n' "$2" >"$1"; }

# fingerprint FILE-OR-FOLDER...: one hash of names and contents, without what is built or fetched.
fingerprint() {
  find "$@" \( -name node_modules -o -name dist -o -name __pycache__ \) -prune -o -type f -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}
