# shellcheck shell=bash
# A record of everything that we made on this machine, written before it is made, so that removal is exact.

STATE_DIR=/var/lib/stead-install
STATE=$STATE_DIR/made

open_state() {
  install -d -m 0700 "$STATE_DIR"
  touch "$STATE"
}

# made KIND VALUE: what existed before us must never be recorded, so callers ask first.
made() {
  is_made "$1" "$2" && return
  install -d -m 0700 "$STATE_DIR"
  printf '%s\t%s\n' "$1" "$2" >>"$STATE"
}

is_made() { [[ -e $STATE ]] && grep -qxF "$1"$'\t'"$2" "$STATE"; }

made_any() { [[ -e $STATE ]] && grep -q "^$1"$'\t' "$STATE"; }

# Prints the values of one kind, the last made first.
list_made() {
  [[ ! -e $STATE ]] || awk -F'\t' -v kind="$1" '$1 == kind { print substr($0, length(kind) + 2) }' "$STATE" | tac
}

# own_file PATH MODE OWNER:GROUP: takes the content from standard input; sets CHANGED when it differs from what is there.
own_file() {
  local path=$1 mode=$2 owner=$3 content
  content=$(cat)
  if [[ -e $path ]] && ! is_made tree "$path" && ! under_made "$path"; then
    die "$path exists and is not ours." "Move it away and run script/quickstart again."
  fi
  if [[ -e $path && $(cat "$path") == "$content" ]]; then return; fi
  under_made "$path" || made tree "$path"
  printf '%s\n' "$content" >"$path.new"
  chown "$owner" "$path.new"
  chmod "$mode" "$path.new"
  mv "$path.new" "$path"
  CHANGED=yes
}

# Whether a folder above the path is ours.
under_made() {
  local path=$1
  while [[ $path != / ]]; do
    path=$(dirname "$path")
    is_made tree "$path" && return
  done
  return 1
}

# own_folder PATH MODE OWNER:GROUP
own_folder() {
  [[ -d $1 ]] || under_made "$1" || made tree "$1"
  install -d "$1"
  chown "$3" "$1"
  chmod "$2" "$1"
}
