# shellcheck shell=bash
# Debian packages: installs what is missing by name, remembers each that came with it, and takes exactly those away.

PACKAGES=(nginx libnginx-mod-stream iproute2 python3 python3-venv ca-certificates openssl curl git openssh-client)
CONTAINER_PACKAGES=(incus-base incus-client dnsmasq-base nftables uidmap btrfs-progs zstd mmdebstrap)
SOURCE_NAME=/etc/apt/sources.list.d/stead-backports
POLICY=/usr/sbin/policy-rc.d

apt_install() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -y -q --no-install-recommends \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 \
    -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

missing_packages() {
  local name wanted=("${PACKAGES[@]}")
  [[ $ENGINE == simulator ]] || wanted+=("${CONTAINER_PACKAGES[@]}")
  for name in "${wanted[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || echo "$name"
  done
}

has_candidate() { [[ $(apt-cache policy "$1" | awk '/Candidate:/ { print $2 }') != '(none)' && -n $(apt-cache policy "$1") ]]; }

# Debian 13 has Incus; Debian 12 has it in its backports, which may not be configured yet.
ensure_source() {
  local entry path
  if [[ $ENGINE == simulator ]] || has_candidate incus-base; then return; fi
  entry=$(backports_entry) ||
    die "No Debian mirror answers: either none is configured in /etc/apt or the network is down." \
      "Once apt-get update works, run script/quickstart again."
  path=$SOURCE_NAME.list
  [[ ${entry,,} == types:* || $entry == *$'\n'* ]] && path=$SOURCE_NAME.sources
  own_file "$path" 0644 root:root <<<"$entry"
  apt-get -q update || true
  has_candidate incus-base ||
    die "The configured Debian mirror offers no Incus, not even in backports ($path)." \
      "Use a mirror that carries $(debian_codename)-backports."
}

# Remembers what an installation will bring before it happens.
record_plan() {
  local action name old
  while read -r action name old _; do
    [[ $action == Inst ]] || continue
    if [[ $old == \[* ]]; then
      made upgraded "$name $(tr -d '[]' <<<"$old")"
    else
      made package "$name"
    fi
  done < <(apt-get -s --no-install-recommends install "$@")
}

# Services must not start on their own: nginx would take port 80, and without systemd nothing may start by chance.
hold_services() {
  [[ -e $POLICY ]] && return
  made tree "$POLICY"
  printf '#!/bin/sh\nexit 101\n' >"$POLICY"
  chmod 0755 "$POLICY"
}

release_services() { if is_made tree "$POLICY"; then rm -f "$POLICY"; fi; }

install_packages() {
  local missing
  release_services
  [[ -z $(dpkg --audit) ]] || dpkg --configure -a
  mapfile -t missing < <(missing_packages)
  DETAIL='all there'
  if [[ ${#missing[@]} != 0 ]]; then
    [[ -e $STATE_DIR/accounts ]] || save_accounts
    apt-get -q update || warn "apt-get update met errors; the log has them."
    ensure_source
    record_plan "${missing[@]}"
    hold_services
    apt_install install "${missing[@]}"
    release_services
    DETAIL="$(list_made package | wc -l) packages"
  fi
  [[ ! -e $STATE_DIR/accounts ]] || settle_packages
}

# What follows an installation, also one of a run that was killed.
settle_packages() {
  if has_systemd && is_made package nginx; then systemctl disable -q nginx.service; fi
  record_accounts
}

accounts() { getent passwd | awk -F: '{ print "user", $1 }'; getent group | awk -F: '{ print "group", $1 }'; }

save_accounts() {
  if ! made_any package; then
    remember_folders
    cp -p /etc/subuid /etc/subgid "$STATE_DIR/" 2>/dev/null || true
  fi
  accounts >"$STATE_DIR/accounts.new"
  mv "$STATE_DIR/accounts.new" "$STATE_DIR/accounts"
}

# Folders that Debian's tools leave behind; they go if nothing else is in them by then.
remember_folders() {
  local path
  for path in /etc/dnsmasq.d /root/.cache /root/.config; do
    [[ -e $path ]] || made folder "$path"
  done
  for path in /root/.cache/incus /root/.config/incus; do
    [[ -e $path ]] || made tree "$path"
  done
}

# Users and groups that packages brought stay behind when Debian removes these packages.
record_accounts() {
  local kind name
  while read -r kind name; do made "$kind" "$name"; done < <(accounts | grep -vxFf "$STATE_DIR/accounts" || true)
  rm "$STATE_DIR/accounts"
}

# Guests get their own range of user ids; in a container only what that container has can be handed on.
# Installing Incus may already have written one, so what was there before is judged by the saved copy.
ensure_subids() {
  local file total
  total=$(awk '{ if ($1 + $3 > end) end = $1 + $3 } END { printf "%.0f", end }' /proc/self/uid_map)
  for file in /etc/subuid /etc/subgid; do
    grep -q '^root:' "$STATE_DIR/${file##*/}" 2>/dev/null && continue
    if grep -q '^root:' "$file" 2>/dev/null && ! made_any package; then continue; fi
    made subid "$file"
    write_subid "$file" "$total"
  done
}

write_subid() {
  local file=$1 total=$2 first=1000000 count=1000000000
  ((total >= first + 65536)) || first=65536
  ((first + count <= total)) || count=$((total - first))
  touch "$file"
  { grep -v '^root:' "$file" || true; echo "root:$first:$count"; } >"$file.new"
  chmod 0644 "$file.new"
  if cmp -s "$file" "$file.new"; then rm "$file.new"; else mv "$file.new" "$file"; fi
}

remove_packages() {
  local packages name
  mapfile -t packages < <(list_made package | while read -r name; do
    dpkg-query -W "$name" >/dev/null 2>&1 && echo "$name"
  done)
  [[ ${#packages[@]} == 0 ]] || apt_install purge "${packages[@]}"
}

restore_subids() {
  local file
  while read -r file; do
    [[ -e $file ]] || continue
    sed -i '/^root:/d' "$file"
    [[ -e $STATE_DIR/${file##*/} || -s $file ]] || rm -f "$file"
  done < <(list_made subid)
}

remove_accounts() {
  local name
  while read -r name; do
    ! getent passwd "$name" >/dev/null || userdel "$name"
  done < <(list_made user)
  while read -r name; do
    ! getent group "$name" >/dev/null || groupdel "$name"
  done < <(list_made group)
}
