#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly MAIN=/etc/redis/redis.conf
readonly OWN=/etc/redis/stead.conf
readonly KEPT=/etc/redis/stead.password

[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${MAXMEMORY_MB:-} =~ ^[0-9]+$ ]] || fail 1 "the memory is a number of MiB"
if [ "${APPENDONLY:-false}" = true ]; then appendonly=yes; else appendonly=no; fi

# Redis reads a quoted word with backslash escapes, in its file and from a pipe.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

settings() {
    cat <<CONF
bind * -::*
protected-mode yes
port 6379
requirepass $(quoted "$PASSWORD")
maxmemory ${MAXMEMORY_MB}mb
maxmemory-policy ${EVICTION:-noeviction}
appendonly $appendonly
CONF
}

# The password that the running server takes: this one, or the one before.
usable_password() {
    local candidate
    for candidate in "$PASSWORD" "$(cat "$KEPT" 2>/dev/null || true)"; do
        if [ "$(redis "$candidate" <<<PING)" = PONG ]; then
            printf '%s' "$candidate"
            return 0
        fi
    done
    return 1
}

# Passwords travel by environment and pipe; arguments can be seen by everyone.
redis() { REDISCLI_AUTH=$1 timeout 10 redis-cli --no-auth-warning 2>/dev/null; }

# Changes a running server in place: nobody is disconnected, and turning the log of changes on
# writes what is in memory first. (A restart with the log on would begin with no data.)
apply_live() {
    local password answers
    password=$(usable_password) || return 1
    answers=$(
        redis "$password" <<COMMANDS
CONFIG SET maxmemory ${MAXMEMORY_MB}mb
CONFIG SET maxmemory-policy ${EVICTION:-noeviction}
CONFIG SET appendonly $appendonly
CONFIG SET requirepass $(quoted "$PASSWORD")
COMMANDS
    )
    [ "$answers" = $'OK\nOK\nOK\nOK' ] || fail 3 "redis refuses its configuration"
    wait_for 60 log_is_complete || fail 3 "redis does not finish writing its log of changes"
}

log_is_complete() {
    local state
    state=$(redis "$PASSWORD" <<<"INFO persistence")
    [[ $state == *aof_rewrite_in_progress:0* && $state == *aof_rewrite_scheduled:0* ]]
}

progress 10 "Installing redis"
install_packages redis-server

progress 70 "Writing the configuration"
was_live=false
if service_runs redis-server && [ -e "$OWN" ] && apply_live; then was_live=true; fi
settings | write_file "$OWN" 0640 root:redis || true
printf '%s' "$PASSWORD" | write_file "$KEPT" 0600 root:root || true
if ! grep -qxF "include $OWN" "$MAIN"; then printf '\ninclude %s\n' "$OWN" >>"$MAIN"; fi

progress 85 "Starting redis"
if [ $was_live = false ]; then
    service restart redis-server || fail 3 "redis does not start"
fi
wait_for 20 ./check.sh || fail 3 "redis does not answer"
progress 100 "Done"
