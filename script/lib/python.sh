# shellcheck shell=bash
# Stead itself: a virtual environment with locked, hash-checked packages, and the code of this checkout.

PREFIX=/opt/stead
VENV=$PREFIX/venv
COMMAND=/usr/local/bin/stead

tree_digest() {
  (cd "$ROOT" && find "$@" -type f ! -name '*.pyc' ! -path '*.egg-info/*' -print0 | sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-32
}

install_python() {
  local locked code
  locked=$(tree_digest requirements/runtime.txt requirements/edge.txt requirements/build.txt)-$(python3 -V | tr -d ' ')
  code=$(tree_digest src pyproject.toml requirements/runtime.in)
  if [[ $(cat "$PREFIX/installed" 2>/dev/null) == "$locked $code" && -x $VENV/bin/stead ]]; then
    DETAIL='up to date'
    return
  fi
  own_folder "$PREFIX" 0755 root:root
  export PIP_CACHE_DIR=$CACHE/pip PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
  if [[ $(cut -d' ' -f1 "$PREFIX/installed" 2>/dev/null) != "$locked" || ! -x $VENV/bin/python ]]; then
    rm -f "$PREFIX/installed"
    python3 -m venv --clear "$VENV"
    "$VENV/bin/python" -m pip install -q --require-hashes \
      -r "$ROOT/requirements/runtime.txt" -r "$ROOT/requirements/edge.txt" -r "$ROOT/requirements/build.txt"
  fi
  install_code
  echo "$locked $code" >"$PREFIX/installed"
  CHANGED=yes
}

# The build leaves files beside the sources, so it gets a copy.
install_code() {
  local copy=$PREFIX/source name
  rm -rf "$copy"
  install -d "$copy"
  for name in src pyproject.toml requirements README.md LICENSE; do
    [[ ! -e $ROOT/$name ]] || cp -R "$ROOT/$name" "$copy/"
  done
  find "$copy" -name '*.egg-info' -prune -exec rm -rf {} +
  "$VENV/bin/python" -m pip install -q --no-deps --no-index --no-build-isolation --force-reinstall "$copy"
  rm -rf "$copy"
  if [[ $(readlink "$COMMAND" 2>/dev/null) != "$VENV/bin/stead" ]]; then
    [[ ! -e $COMMAND ]] || die "$COMMAND exists and is not ours." "Move it away and run script/quickstart again."
    made tree "$COMMAND"
    install -d /usr/local/bin
    ln -sf "$VENV/bin/stead" "$COMMAND"
  fi
}
