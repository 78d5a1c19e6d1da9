# shellcheck shell=bash
# The local Incus: started where nobody else starts it, and given one project, one pool and one certificate of ours.

INCUS_HOME=${INCUS_DIR:-/var/lib/incus}
INCUSD=/usr/libexec/incus/incusd
INCUS_PID=/run/stead/incusd.pid
PROJECT=stead
POOL=stead
IMAGE=stead-base
CONFIG=/etc/stead
PROJECT_CONFIG=(
  features.images=true features.networks=false features.profiles=true features.storage.volumes=true
  restricted=true restricted.containers.nesting=block restricted.containers.lowlevel=block
  restricted.containers.privilege=unprivileged restricted.devices.nic=managed restricted.devices.disk=managed
  restricted.backups=allow restricted.snapshots=allow
)

incus_answers() { timeout 5 incus query /1.0 >/dev/null 2>&1; }

start_incus() {
  if ! incus_answers; then
    if has_systemd; then systemctl start incus.socket; else start_incus_daemon; fi
    until_true 60 incus_ready_or_dead || true
    incus_answers || die "The Incus daemon does not answer." "$(tail -n 5 /var/log/incus/incus.log "$LOG_DIR/incusd.log" 2>/dev/null)"
  fi
  DETAIL="Incus $(incus query /1.0 | sed -nE 's/.*"server_version": "([^"]+)".*/\1/p')"
}

incus_ready_or_dead() { incus_answers || { ! has_systemd && gone "$(cat "$INCUS_PID")"; }; }

# A container may not raise its limits; then those that it has must do.
start_incus_daemon() {
  install -d /run/stead /var/log/incus
  made incus-daemon "$INCUS_PID"
  (
    ulimit -n 1048576 2>/dev/null || ulimit -n "$(ulimit -Hn)"
    ulimit -u unlimited 2>/dev/null || true
    cd /
    PATH=/usr/libexec/incus:$PATH exec setsid "$INCUSD" --group incus-admin --logfile /var/log/incus/incus.log \
      </dev/null >>"$LOG_DIR/incusd.log" 2>&1 3>&- 9>&-
  ) &
  echo $! >"$INCUS_PID"
}

stop_incus_daemon() {
  local pid
  has_systemd && return
  pid=$(cat "$INCUS_PID" 2>/dev/null) || return 0
  if [[ $(readlink "/proc/$pid/exe") == "$INCUSD" ]]; then
    timeout 60 incus admin shutdown --timeout 30 || kill "$pid"
    until_true 30 gone "$pid" || kill -KILL "$pid"
  fi
  rm -f "$INCUS_PID"
}

gone() { [[ ! -e /proc/$1 ]]; }

pool_size() {
  local free_kb
  free_kb=$(df --output=avail -k "$INCUS_HOME" | tail -n 1)
  echo "$((free_kb * 7 / 10 / 1048576 + 1))GiB"
}

# The best storage that this machine allows: a btrfs file, a folder on btrfs, and only then plain folders.
ensure_pool() {
  local driver
  if ! incus storage show "$POOL" >/dev/null 2>&1; then
    made incus-pool "$POOL"
    create_pool btrfs "size=$(pool_size)" ||
      create_pool btrfs "source=$INCUS_HOME/storage-pools/$POOL" ||
      incus storage create "$POOL" dir
  fi
  driver=$(incus storage show "$POOL" | sed -n 's/^driver: //p')
  if [[ $driver == dir ]]; then
    warn "Storage is plain folders, because neither loop devices nor btrfs quotas can be used here: copies are slow and disk limits are not enforced."
  fi
  DETAIL="$driver $(incus storage get "$POOL" size)"
}

# A pool is worth having only if it can limit what a guest takes.
create_pool() {
  incus storage create "$POOL" "$@" || return 1
  if incus storage volume create "$POOL" probe size=64MiB; then
    incus storage volume delete "$POOL" probe
    return
  fi
  incus storage volume delete "$POOL" probe || true
  incus storage delete "$POOL"
  return 1
}

ensure_project() {
  local item
  if ! incus project show "$PROJECT" >/dev/null 2>&1; then
    made incus-project "$PROJECT"
    incus project create "$PROJECT" "${PROJECT_CONFIG[@]/#/--config=}"
  fi
  for item in "${PROJECT_CONFIG[@]}"; do
    [[ $(incus project get "$PROJECT" "${item%=*}") == "${item#*=}" ]] || incus project set "$PROJECT" "$item"
  done
}

# Stead's own client certificate sees its project alone; it may add networks, but neither change nor delete them.
ensure_certificate() {
  local fingerprint
  own_folder "$CONFIG" 0755 root:root
  if [[ ! -s $CONFIG/incus-client.crt || ! -s $CONFIG/incus-client.key ]]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=stead \
      -keyout "$CONFIG/incus-client.key.new" -out "$CONFIG/incus-client.crt"
    chown root:stead "$CONFIG/incus-client.key.new"
    chmod 0640 "$CONFIG/incus-client.key.new"
    mv "$CONFIG/incus-client.key.new" "$CONFIG/incus-client.key"
    CHANGED=yes
  fi
  fingerprint=$(openssl x509 -in "$CONFIG/incus-client.crt" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f)
  if ! incus config trust show "$fingerprint" >/dev/null 2>&1; then
    made incus-trust "$fingerprint"
    incus config trust add-certificate "$CONFIG/incus-client.crt" --name stead --restricted --projects "$PROJECT"
  fi
  own_file "$CONFIG/incus-server.crt" 0644 root:root <"$INCUS_HOME/server.crt"
}

# Incus listens on the loopback for Stead; an address that was set before is used as it is.
ensure_address() {
  local address port=8443
  address=$(incus config get core.https_address)
  if [[ -z $address ]]; then
    while port_is_used "$port"; do port=$((port + 1)); done
    address=127.0.0.1:$port
    made incus-address "$address"
    incus config set core.https_address "$address"
  fi
  case $address in
    *']' | [!:]*[!:0-9]* | *.*) [[ $address =~ :[0-9]+$ ]] || address=$address:8443 ;;
  esac
  INCUS_URL=https://127.0.0.1:${address##*:}
}

setup_incus() {
  local pool
  ensure_pool
  pool=$DETAIL
  ensure_project
  ensure_certificate
  ensure_address
  DETAIL="storage $pool"
}

image_target() {
  { incus query "/1.0/images/aliases/$IMAGE?project=$PROJECT" 2>/dev/null || true; } | sed -nE 's/.*"target": "([^"]+)".*/\1/p'
}

image_has_key() { incus query "/1.0/images/$1?project=$PROJECT" | grep -q "\"stead.key\": \"$2\""; }

# Prints the image that was imported with this key, also by a run that did not get to naming it.
image_with_key() {
  local fingerprint
  for fingerprint in $(incus image list --project "$PROJECT" -f csv -c F); do
    if image_has_key "$fingerprint" "$1"; then echo "$fingerprint" && return; fi
  done
}

import_image() {
  local folder=$1 key fingerprint old
  key=$(cat "$folder/key")
  old=$(image_target)
  if [[ -n $old ]] && image_has_key "$old" "$key"; then
    DETAIL='up to date'
    return
  fi
  fingerprint=$(image_with_key "$key")
  if [[ -z $fingerprint ]]; then
    incus image import --project "$PROJECT" "$folder/metadata.tar" "$folder/rootfs.tar.zst"
    fingerprint=$(image_with_key "$key")
  fi
  [[ -z $old ]] || incus image alias delete --project "$PROJECT" "$IMAGE"
  incus image alias create --project "$PROJECT" "$IMAGE" "$fingerprint"
  [[ -z $old ]] || incus image delete --project "$PROJECT" "$old"
}

# Takes away what is ours and leaves the rest of an Incus that was here before.
remove_from_incus() {
  local name
  incus_answers || start_incus || return 0
  if made_any incus-project && incus project show "$PROJECT" >/dev/null 2>&1; then
    incus list --project "$PROJECT" -f csv -c n | xargs -r -n 8 incus delete --project "$PROJECT" --force
    incus image list --project "$PROJECT" -f csv -c F | xargs -r -n 8 incus image delete --project "$PROJECT"
    incus profile list --project "$PROJECT" -f csv | cut -d, -f1 | grep -vx default | xargs -r -n 1 incus profile delete --project "$PROJECT" || true
    remove_volumes
  fi
  remove_networks
  while read -r name; do ! incus project show "$name" >/dev/null 2>&1 || incus project delete "$name"; done < <(list_made incus-project)
  while read -r name; do ! incus storage show "$name" >/dev/null 2>&1 || incus storage delete "$name"; done < <(list_made incus-pool)
  while read -r name; do ! incus config trust show "$name" >/dev/null 2>&1 || incus config trust remove "$name"; done < <(list_made incus-trust)
  if made_any incus-address; then incus config unset core.https_address; fi
}

remove_volumes() {
  local name
  incus storage volume list "$POOL" --project "$PROJECT" -f csv -c tn 2>/dev/null | sed -n 's/^custom,//p' | while read -r name; do
    incus storage volume delete "$POOL" "$name" --project "$PROJECT"
  done
}

# Networks live beside the project; ours are known by their name and by rules that bear the same name.
remove_networks() {
  local name
  for name in $(incus network list -f csv -c nm | sed -nE 's/^(st-[0-9a-z]{10}),YES$/\1/p'); do
    [[ $(incus network get "$name" security.acls) != "$name" ]] || incus network delete "$name"
  done
  for name in $(incus network acl list -f csv | sed -nE 's/^(st-[0-9a-z]{10}),.*/\1/p'); do
    incus network acl delete "$name"
  done
}

guests_of_others() { incus list --all-projects -f csv -c n 2>/dev/null | grep -c . || true; }
