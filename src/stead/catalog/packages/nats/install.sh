#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly FILE=/etc/nats-server.conf
readonly DROP_IN=/etc/systemd/system/nats-server.service.d/stead.conf

[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${MAX_PAYLOAD_KB:-} =~ ^[0-9]+$ && ${STORE_MB:-} =~ ^[0-9]+$ ]] || fail 1 "sizes are numbers"

settings() {
    cat <<CONF
host: "0.0.0.0"
port: 4222
http: "127.0.0.1:8222"
server_name: "nats"
max_payload: $((MAX_PAYLOAD_KB * 1024))
max_pending: 67108864
authorization {
  user: "$USERNAME"
  password: "$hash"
}
jetstream {
  store_dir: "/var/lib/nats"
  max_memory_store: 67108864
  max_file_store: $((STORE_MB * 1024 * 1024))
}
CONF
}

unit() {
    cat <<'CONF'
[Service]
StateDirectory=nats
StateDirectoryMode=0750
Restart=on-failure
LimitNOFILE=65536
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
CONF
}

progress 10 "Installing NATS"
install_packages nats-server

progress 80 "Writing the configuration"
install -d -m 0755 "$(dirname "$DROP_IN")"
hash=$(python3 -W ignore hashed.py $FILE)
restart=false
if settings | write_file $FILE 0640 root:nats; then restart=true; fi
if unit | write_file "$DROP_IN" 0644 root:root; then restart=true; fi

progress 90 "Starting NATS"
if [ $restart = true ] || ! service_runs nats-server; then
    service restart nats-server || fail 3 "NATS does not start"
fi
wait_for 30 ./check.sh || fail 3 "NATS does not answer"
progress 100 "Done"
