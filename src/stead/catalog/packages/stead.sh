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

# What we know about the packages of this machine.
readonly NOTES=/var/lib/stead/packages

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
    if [ ${#missing[@]} -eq 0 ]; then
        [ ! -e "$NOTES/before" ] || _look_after
        return 0
    fi
    _look_before
    if ! _lists_are_fresh || ! _apt_install "${missing[@]}"; then
        apt-get "${APT_OPTIONS[@]}" update || fail 2 "the package lists cannot be refreshed"
        _apt_install "${missing[@]}" || fail 2 "cannot install ${missing[*]}"
    fi
    _look_after
}

# Notes which packages an installation brings along: they may go with it again, which apt alone
# cannot tell from what a person wants to keep. A killed run leaves its first look to the next one.
_look_before() {
    [ -e "$NOTES/before" ] && return
    install -d -m 0755 "$NOTES"
    _packages | write_file "$NOTES/before" 0644 root:root
}

_look_after() {
    touch "$NOTES/brought"
    comm -13 "$NOTES/before" <(_packages) | sort -u - "$NOTES/brought" >"$NOTES/brought.new"
    mv "$NOTES/brought.new" "$NOTES/brought"
    rm "$NOTES/before"
}

_packages() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii  *//p' | sort -u; }

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

# brought PATTERN...: the packages that came to this machine with ours, by name.
brought() {
    local pattern package
    [ -e "$NOTES/brought" ] || return 0
    for pattern in "$@"; do
        while read -r package; do
            # shellcheck disable=SC2053
            [[ $package != $pattern ]] || echo "$package"
        done <"$NOTES/brought"
    done
}

# remove_packages PACKAGE...: purge what came with us and what only it needed; what was here before
# stays.
remove_packages() {
    local package present=()
    [ ! -e "$NOTES/before" ] || _look_after
    for package in "$@"; do
        if [ -z "$(brought "$package")" ]; then
            ! is_installed "$package" || echo "$package was here before and stays"
        elif dpkg-query -W "$package" >/dev/null 2>&1; then
            present+=("$package")
        fi
    done
    [ ${#present[@]} -gt 0 ] || return 0
    apt-get "${APT_OPTIONS[@]}" --auto-remove purge "${present[@]}" ||
        fail 2 "cannot remove ${present[*]}"
    _remove_unneeded
}

# apt keeps what something else suggests, or could use instead of what it has. Of that, what came
# with us goes too, as far as nothing but itself goes with it.
_remove_unneeded() {
    local package unneeded=()
    [ -e "$NOTES/brought" ] || return 0
    mapfile -t unneeded < <(
        _would_go -o APT::AutoRemove::RecommendsImportant=false \
            -o APT::AutoRemove::SuggestsImportant=false autoremove | comm -12 - <(_ours)
    )
    _purge "${unneeded[@]}"
    for package in $(_ours); do
        mapfile -t unneeded < <(is_installed "$package" && _would_go purge "$package")
        if [ -z "$(printf '%s\n' "${unneeded[@]}" | comm -23 - <(_ours))" ]; then
            _purge "${unneeded[@]}"
        fi
    done
    comm -12 "$NOTES/brought" <(_packages) >"$NOTES/brought.new"
    mv "$NOTES/brought.new" "$NOTES/brought"
    if [ ! -s "$NOTES/brought" ]; then
        rm "$NOTES/brought"
        remove_if_empty "$NOTES" "$(dirname "$NOTES")"
    fi
}

# What was brought along and asked for by nobody.
_ours() { apt-mark showauto | sort -u | comm -12 - "$NOTES/brought"; }

_would_go() { apt-get -s "$@" | sed -nE 's/^(Remv|Purg) ([^ ]*).*/\2/p' | sort -u; }

_purge() {
    [ $# -gt 0 ] && [ -n "$1" ] || return 0
    apt-get "${APT_OPTIONS[@]}" purge "$@" || fail 2 "cannot remove $*"
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
    local ask='
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf "GET %s HTTP/1.0\r\nHost: %s\r\n" "$2" "${3:-localhost}" >&3
        [ -z "${HTTP_AUTH:-}" ] || printf "Authorization: Basic %s\r\n" "$HTTP_AUTH" >&3
        printf "\r\n" >&3
        cat <&3'
    timeout 10 bash -c "$ask" http_get "$@" 2>/dev/null | tr -d '\0'
}

# http_get_as USER PASSWORD PORT PATH [HOST]: the same for somebody who signs in.
http_get_as() {
    local HTTP_AUTH
    HTTP_AUTH=$(printf '%s:%s' "$1" "$2" | base64 -w 0)
    export HTTP_AUTH
    http_get "${@:3}"
}

# http_status PORT PATH [HOST]: the answer's code, or nothing.
http_status() {
    local answer
    answer=$(http_get "$@") || true
    [[ $answer =~ ^HTTP/1\.[01]\ ([0-9]{3}) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# remove_if_empty FOLDER...: in this order; what holds something of somebody stays.
remove_if_empty() {
    local folder
    for folder in "$@"; do
        [ ! -d "$folder" ] || rmdir --ignore-fail-on-non-empty "$folder"
    done
}

# remove_data PACKAGE PATH...: what a package kept, once it is gone itself.
remove_data() {
    if is_installed "$1"; then
        echo "$1 stays, and so does what it keeps"
        return 0
    fi
    shift
    rm -rf "$@"
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
