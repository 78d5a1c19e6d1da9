# shellcheck shell=bash
# What a machine needs before Stead's tests can run on it, all from its own package mirrors.

FIRST_PACKAGES=(python3-venv make git)
TEST_PACKAGES=(
  openssh-client openssl curl
  btrfs-progs dnsmasq-base nftables iproute2 uidmap zstd mmdebstrap kmod
  nginx-light libnginx-mod-stream busybox-static
  chromium libnss3-tools postgresql redis-server
)
INCUS_PACKAGES=(incus-base incus-client)

# shellcheck source=script/lib/mirrors.sh
. "$ROOT/script/lib/mirrors.sh"

missing_packages() {
  local name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || echo "$name"
  done
}

# install_packages NAME...: install those that are missing.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  DEBIAN_FRONTEND=noninteractive apt-get update -qq
  [[ " ${missing[*]} " != *" incus-"* ]] || offer_incus
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Debian 13 has Incus; Debian 12 has it in its backports.
offer_incus() {
  local entry path=/etc/apt/sources.list.d/stead-tests-backports
  if apt-cache show incus-base >/dev/null 2>&1; then return; fi
  entry=$(backports_entry) || { echo "No Debian mirror is configured here, so Incus cannot be installed." >&2; return 1; }
  case $entry in *Suites:*) path+=.sources ;; *) path+=.list ;; esac
  printf '%s\n' "$entry" >"$path"
  DEBIAN_FRONTEND=noninteractive apt-get update -qq
}

# Many systemd guests at once exceed the kernel's defaults.
raise_limits() {
  local wanted path
  for wanted in fs/inotify/max_user_instances=8192 fs/inotify/max_user_watches=1048576 \
    kernel/keys/maxkeys=20000 kernel/keys/maxbytes=2000000; do
    path=/proc/sys/${wanted%=*}
    [[ $(<"$path") -lt ${wanted#*=} ]] || continue
    # In a container they are the host's.
    { echo "${wanted#*=}" >"$path"; } 2>/dev/null ||
      echo "${wanted%=*} is $(<"$path") here and cannot be raised to ${wanted#*=}: containers may fail to start"
  done
  grep -q '^root:' /etc/subuid || echo 'root:1000000:1000000000' >>/etc/subuid
  grep -q '^root:' /etc/subgid || echo 'root:1000000:1000000000' >>/etc/subgid
}
