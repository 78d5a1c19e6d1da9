# shellcheck shell=bash
# What the machine is and whether it can do the work; nothing here changes anything but kernel limits.

CAP_NET_ADMIN=12 CAP_SYS_CHROOT=18 CAP_SYS_ADMIN=21
LIMITS=(
  fs.inotify.max_user_instances=8192
  fs.inotify.max_user_watches=1048576
  kernel.keys.maxkeys=2000
  kernel.keys.maxbytes=2000000
)

has_systemd() { [[ -d /run/systemd/system ]]; }

has_capability() {
  local effective
  effective=$(awk '/^CapEff/ { print $2 }' /proc/self/status)
  (((16#$effective >> $1) & 1))
}

SIMULATE="To look around without containers: script/quickstart --simulator"

port_is_used() { (exec 4<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

check_machine() {
  local id='' version='' free_kb
  # shellcheck disable=SC1091
  read -r id version < <(. /etc/os-release && echo "${ID:-} ${VERSION_ID:-0}")
  [[ $id == debian && ${version%%.*} -ge 12 ]] ||
    die "This is ${id:-an unknown system} ${version}; script/quickstart knows Debian 12 and later."
  [[ $ENGINE == simulator ]] || check_containers
  free_kb=$(df --output=avail -k /var/lib | tail -n 1)
  ((free_kb > 4000000)) || die "Only $((free_kb / 1024)) MB are free in /var/lib; 4 GB are needed." "Free some space."
  check_ports
  DETAIL="Debian $version, $(nproc) cores, $((free_kb / 1048576)) GB free, $(has_systemd && echo systemd || echo "no systemd")"
}

check_containers() {
  local name ids
  for name in NET_ADMIN SYS_CHROOT SYS_ADMIN; do
    local number=CAP_$name
    has_capability "${!number}" ||
      die "Containers cannot start here: this environment lacks the capability CAP_$name." \
        "Run it on a machine or a VM, or in a system container that allows nesting."$'\n'"$SIMULATE"
  done
  ids=$(awk '{ count += $3 } END { printf "%.0f", count }' /proc/self/uid_map)
  ((ids >= 131072)) ||
    die "Containers cannot start here: only $ids user ids are available, and each guest needs 65536 of its own." \
      "Give this container a larger range of ids (two times 65536 at least)."$'\n'"$SIMULATE"
}

check_ports() {
  local port
  is_made tree /etc/stead && return
  for port in 80 443 8080; do
    if port_is_used "$port"; then
      die "Port $port is taken by another program." "Stop it (ss -ltnp shows it) and run script/quickstart again."
    fi
  done
}

# Raises what is too low and remembers what it was; a container may not be allowed to, then the value has to do.
raise_limits() {
  local item key old path wanted raised=() lines=''
  for item in "${LIMITS[@]}"; do
    key=${item%=*} wanted=${item#*=}
    path=/proc/sys/${key//.//}
    [[ -r $path ]] || continue
    old=$(<"$path")
    ((old >= wanted)) && ! made_limit "$key" && continue
    lines+="$key = $wanted"$'\n'
    ((old >= wanted)) && continue
    if [[ ! -w $path ]] || ! made sysctl "$key $old" || ! echo "$wanted" >"$path"; then
      warn "$key is $old and cannot be raised to $wanted here: about $((old / 8)) guests will run."
      continue
    fi
    raised+=("$key")
  done
  [[ -z $lines ]] || printf '%s' "$lines" | own_file /etc/sysctl.d/60-stead.conf 0644 root:root
  DETAIL=${raised[*]:-already high enough}
}

made_limit() { list_made sysctl | grep -q "^$1 "; }

restore_limits() {
  local key old
  while read -r key old; do
    echo "$old" >"/proc/sys/${key//.//}" || true
  done < <(list_made sysctl)
}
