# shellcheck shell=bash
# Proves that a container can start here, with a two-megabyte system made of this machine's own shell, before
# anything large is downloaded; says in words why not otherwise.

CANARY=stead-canary
CANARY_NET=steadcanary0
# The last part of the range from which projects get theirs, so that a clash shows here.
CANARY_ADDRESS=10.90.255.1/24

canary_is_known() { incus image show --project "$PROJECT" "$CANARY" >/dev/null 2>&1; }

copy_program() {
  local root=$1 program=$2 file
  install -D "$(readlink -f "$(type -P "$program")")" "$root/usr/bin/$program"
  ldd "$root/usr/bin/$program" | grep -oE '/[^ ]+' | while read -r file; do
    install -D "$(readlink -f "$file")" "$root/usr/lib/${file##*/}"
    [[ $file != */ld-* ]] || install -D "$(readlink -f "$file")" "$root/usr/${file#/}"
  done
}

build_canary() {
  local work=$1 root=$1/root name
  install -d "$root"/{dev,proc,sys,tmp,etc,usr/bin,usr/lib,usr/lib64,usr/sbin}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  for name in sh sleep cat true; do copy_program "$root" "$name"; done
  printf '#!/bin/sh\nwhile :; do sleep 3600; done\n' >"$root/usr/sbin/init"
  chmod 0755 "$root/usr/sbin/init"
  printf 'architecture: %s\ncreation_date: 1\n' "$(uname -m)" >"$work/metadata.yaml"
  tar -C "$root" -cf "$work/rootfs.tar" --owner=0 --group=0 .
  tar -C "$work" -cf "$work/metadata.tar" metadata.yaml
}

canary_delete() {
  timeout 40 incus delete --project "$PROJECT" --force "$CANARY" 2>/dev/null || true
  timeout 20 incus image delete --project "$PROJECT" "$CANARY" 2>/dev/null || true
  timeout 20 incus network delete "$CANARY_NET" 2>/dev/null || true
}

canary_reason() {
  local controller log=$1
  if ! ip link show "$CANARY_NET" >/dev/null 2>&1; then
    echo "no network can be made: $(sed -n 's/^Error: //p' "$log" | head -n 1)"
    return
  fi
  if [[ -r /proc/cgroups && ! -e /sys/fs/cgroup/cgroup.controllers ]]; then
    for controller in $(cut -d: -f2 /proc/self/cgroup | tr , '\n' | grep -v = | grep .); do
      if ! awk -v want="$controller" '$0 ~ / - cgroup / && ("," $NF ",") ~ ("," want ",") { found = 1 } END { exit !found }' /proc/self/mountinfo; then
        echo "the control group \"$controller\" exists but is not mounted; mount it: mount -t cgroup -o $controller cgroup /sys/fs/cgroup/$controller"
        return
      fi
    done
  elif ! grep -qw memory /sys/fs/cgroup/cgroup.controllers || ! grep -qw pids /sys/fs/cgroup/cgroup.controllers; then
    echo "the control groups memory and pids are not available to this environment"
    return
  fi
  case $(cat "$log") in
    *subuid* | *newuidmap* | *"id map"*) echo "the range of user ids in /etc/subuid and /etc/subgid is not usable here" ;;
    *"Too many open files"*) echo "the limit fs.inotify.max_user_instances is used up" ;;
    *"peration not permitted"*) echo "this environment forbids what a container needs (nesting is not allowed)" ;;
    *) echo "the container did not start within 20 seconds" ;;
  esac
}

canary_start() {
  incus network create "$CANARY_NET" "ipv4.address=$CANARY_ADDRESS" ipv6.address=none ipv4.nat=true &&
    incus image import --project "$PROJECT" "$1/metadata.tar" "$1/rootfs.tar" --alias "$CANARY" &&
    incus init --project "$PROJECT" "$CANARY" "$CANARY" --storage "$POOL" --network "$CANARY_NET" -c limits.memory=64MiB &&
    timeout 20 incus start --project "$PROJECT" "$CANARY" &&
    timeout 10 incus exec --project "$PROJECT" "$CANARY" -- cat /sys/class/net/eth0/address
}

run_canary() {
  local work log=$LOG_DIR/canary.log
  if [[ -e $STATE_DIR/canary && $(<"$STATE_DIR/canary") == "$(</proc/sys/kernel/random/boot_id)" ]]; then
    DETAIL='started earlier'
    return
  fi
  work=$(mktemp -d)
  canary_delete
  build_canary "$work"
  if ! canary_start "$work" >"$log" 2>&1; then
    incus info --project "$PROJECT" --show-log "$CANARY" >>"$log" 2>&1 || true
    REASON=$(canary_reason "$log")
    canary_delete
    rm -rf "$work"
    die "Containers cannot start here: $REASON." "What the container said is in $log."$'\n'"$SIMULATE"
  fi
  canary_delete
  rm -rf "$work"
  cat /proc/sys/kernel/random/boot_id >"$STATE_DIR/canary"
  DETAIL='a container started'
}
