# Sourced: find_python prints the path of a Python of at least 3.12, the version of .python-version first, or fails.

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12) or sys.implementation.name != "cpython")' >/dev/null 2>&1; }

find_python() {
  local wanted candidate path
  wanted=$(cat .python-version 2>/dev/null || echo 3.12)
  for candidate in "${PYTHON-}" "python$wanted" python3.13 python3 "$HOME"/.pyenv/versions/"$wanted"*/bin/python3 \
    "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python3; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    # the environment that we make must not be its own parent
    [[ $path != "$PWD"/.venv/* ]] && new_enough "$path" || continue
    "$path" -c 'import sys; print(sys.executable)'
    return
  done
  return 1
}
