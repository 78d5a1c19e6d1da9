# What the scripts of this package share.
# shellcheck shell=bash
# shellcheck disable=SC2034

[[ ${DOMAIN:-} =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] || fail 1 "a domain is needed"
SUFFIX=dc=${DOMAIN//./,dc=}
ADMIN=cn=admin,$SUFFIX

# Passwords travel by files that only root reads: arguments can be seen by everyone.
with_password() {
    local file status=0
    file=$(umask 077 && mktemp)
    printf '%s' "$PASSWORD" >"$file"
    "$@" -y "$file" || status=$?
    rm -f "$file"
    return $status
}

as_admin() { with_password "$1" -x -H ldap://127.0.0.1 -D "$ADMIN" "${@:2}"; }
