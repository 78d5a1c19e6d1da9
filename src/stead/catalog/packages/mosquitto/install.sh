#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly FOLDER=/etc/mosquitto

[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${MAX_MESSAGE_KB:-} =~ ^[0-9]+$ ]] || fail 1 "the largest message is a number of KiB"

settings() {
    cat <<CONF
listener 1883
allow_anonymous false
password_file $FOLDER/stead.users
message_size_limit $((MAX_MESSAGE_KB * 1024))
autosave_interval 60
CONF
}

# The plain form is only read by root, and hashed in place; arguments could be seen by everyone.
set_password() {
    local fresh=$FOLDER/stead.users.fresh kept=$FOLDER/stead.digest digest
    digest=$(printf '%s:%s' "$USERNAME" "$PASSWORD" | sha256sum)
    [ ! -e $FOLDER/stead.users ] || [ "$(cat "$kept" 2>/dev/null)" != "$digest" ] || return 1
    (umask 077 && printf '%s:%s\n' "$USERNAME" "$PASSWORD" >"$fresh")
    mosquitto_passwd -U "$fresh" || fail 3 "the password cannot be set"
    chown root:mosquitto "$fresh"
    chmod 0640 "$fresh"
    mv "$fresh" $FOLDER/stead.users
    write_file "$kept" 0600 root:root <<<"$digest" || true
}

progress 10 "Installing Mosquitto"
install_packages mosquitto mosquitto-clients

progress 80 "Writing the configuration"
changed=false
if settings | write_file $FOLDER/conf.d/stead.conf 0644 root:root; then changed=true; fi
if set_password; then changed=true; fi

progress 90 "Starting Mosquitto"
if [ $changed = true ] || ! service_runs mosquitto; then
    service restart mosquitto || fail 3 "Mosquitto does not start"
fi
wait_for 20 ./check.sh || fail 3 "Mosquitto does not answer"
progress 100 "Done"
