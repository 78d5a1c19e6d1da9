# Functions for the scripts of packages. Every package archive holds this file beside its scripts:
#   . ./stead.sh
# shellcheck shell=bash

readonly APT_OPTIONS=(
    -qq -y
    -o APT::Update::Error-Mode=any
    -o Acquire::Languages=none
    -o Acquire::Retries=3
    -o APT::Keep-Downloaded-Packages=false
    -o DPkg::Lock::Timeout=120
    -o Dpkg::Use-Pty=0
    -o DPkg::Options::=--force-confdef
    -o DPkg::Options::=--force-confold
)

# What backup.sh fills and restore.sh reads. Whoever asked for it carries it away and brings it back.
readonly BACKUP=/var/lib/stead-backup

# progress PERCENT TEXT: tell the person who waits how far this is.
progress() { echo "::progress $1 $2"; }

# fail CODE TEXT: give up. 1 invalid input, 2 installation failed, 3 configuration failed.
fail() {
    echo "error: $2" >&2
    exit "$1"
}

has_systemd() { [ -d /run/systemd/system ]; }

# is_installed PACKAGE
is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages PACKAGE...: install what is missing, without starting any service.
install_packages() {
    local package missing=()
    mapfile -t missing < <(_repair)
    for package in "$@"; do is_installed "$package" || missing+=("$package"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    if _lists_are_fresh && _apt_install "${missing[@]}"; then return 0; fi
    apt-get "${APT_OPTIONS[@]}" update || fail 2 "the package lists cannot be refreshed"
    _apt_install "${missing[@]}" || fail 2 "cannot install ${missing[*]}"
}

# Finish what a killed run began, once its dpkg is gone, and name what must be unpacked again.
_repair() {
    local said
    until said=$(SYSTEMD_OFFLINE=1 dpkg --configure -a 2>&1); do
        [[ $said == *lock* && $SECONDS -lt 120 ]] || break
        sleep 0.2
    done
    dpkg-query -W -f '${db:Status-Eflag} ${binary:Package}\n' | sed -n 's/^reinstreq //p'
}

# Lists are good for a day; a package that has moved on since then leads to one refresh.
_lists_are_fresh() {
    [ -n "$(find /var/lib/apt/lists -maxdepth 0 -mtime -1)" ] &&
        compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null
}

# With SYSTEMD_OFFLINE services are enabled but not started: they start once, configured.
# The lines left out complain about exactly that, and about a debconf that nobody needs.
_apt_install() {
    local noise='^(Running in chroot, ignoring|debconf: delaying package configuration|Upgrading binary: nginx|invoke-rc.d: initscript nginx)'
    SYSTEMD_OFFLINE=1 apt-get "${APT_OPTIONS[@]}" --no-install-recommends \
        --fix-broken --reinstall install "$@" 2>&1 |
        { grep --line-buffered -vE "$noise" || true; }
}

# remove_packages PACKAGE...: purge what is there and what only it needed.
remove_packages() {
    local package present=()
    for package in "$@"; do
        if dpkg-query -W "$package" >/dev/null 2>&1; then present+=("$package"); fi
    done
    [ ${#present[@]} -gt 0 ] || return 0
    apt-get "${APT_OPTIONS[@]}" --auto-remove purge "${present[@]}" ||
        fail 2 "cannot remove ${present[*]}"
}

# service ACTION NAME: the same words with systemd and without.
service() {
    if has_systemd; then
        if [ "$1" = start ] || [ "$1" = restart ]; then systemctl daemon-reload; fi
        systemctl "$1" "$2"
    else
        "/etc/init.d/$2" "$1"
    fi
}

# service_runs NAME
service_runs() {
    if has_systemd; then systemctl --quiet is-active "$1"; else "/etc/init.d/$1" status >/dev/null 2>&1; fi
}

# write_file PATH MODE OWNER:GROUP: replace a file at once by standard input.
# Leaves it alone when nothing changed and then answers 1.
write_file() {
    local fresh="$1.stead-new"
    (umask 077 && cat >"$fresh")
    chown "$3" "$fresh"
    chmod "$2" "$fresh"
    if cmp -s "$fresh" "$1"; then
        rm "$fresh"
        return 1
    fi
    mv "$fresh" "$1"
}

# wait_for SECONDS COMMAND...: try until it works.
wait_for() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.1
    done
}

# begin_backup: an empty folder that nobody else reads; what an earlier run left is gone.
begin_backup() {
    rm -rf "$BACKUP"
    install -d -m 0700 "$BACKUP"
}

# need_backup FILE...: give up unless restore.sh was given these.
need_backup() {
    local name
    for name in "$@"; do
        [ -e "$BACKUP/$name" ] || fail 1 "the backup has no $name in $BACKUP"
    done
}

# http_get PORT PATH [HOST]: the whole answer of a server on this machine, headers first.
http_get() {
    local ask='exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$2" "${3:-localhost}" >&3 && cat <&3'
    timeout 10 bash -c "$ask" http_get "$@" 2>/dev/null | tr -d '\0'
}

# http_status PORT PATH [HOST]: the answer's code, or nothing.
http_status() {
    local answer
    answer=$(http_get "$@") || true
    [[ $answer =~ ^HTTP/1\.[01]\ ([0-9]{3}) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# remove_account USER [GROUP]: what a package leaves behind when it is purged.
remove_account() {
    if getent passwd "$1" >/dev/null; then userdel "$1" 2>/dev/null || true; fi
    if getent group "${2:-$1}" >/dev/null; then groupdel "${2:-$1}" 2>/dev/null || true; fi
}

# escape_html TEXT
escape_html() {
    local text=$1
    text=${text//'&'/'&amp;'}
    text=${text//'<'/'&lt;'}
    text=${text//'>'/'&gt;'}
    text=${text//'"'/'&quot;'}
    text=${text//"'"/'&#39;'}
    printf '%s' "$text"
}
