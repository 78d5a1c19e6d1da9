#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly FOLDER=/etc/rabbitmq
readonly SYSTEMD=/etc/systemd/system

[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${MEMORY_MB:-} =~ ^[0-9]+$ ]] || fail 1 "the memory is a number of MiB"

settings() {
    cat <<CONF
listeners.tcp.default = 5672
management.tcp.port = 15672
prometheus.tcp.port = 15692
load_definitions = $FOLDER/stead.json
vm_memory_high_watermark.absolute = ${MEMORY_MB}MiB
disk_free_limit.absolute = 200MB
CONF
}

# The name does not depend on the machine's, so that what it keeps can move to another one.
environment() {
    cat <<'CONF'
NODENAME=rabbit@localhost
SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
CONF
}

socket() {
    cat <<'CONF'
[Socket]
ListenStream=
ListenStream=127.0.0.1:4369
CONF
}

unit() {
    cat <<'CONF'
[Service]
NoNewPrivileges=yes
ProtectHome=yes
PrivateTmp=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
CONF
}

progress 5 "Installing RabbitMQ"
install_packages rabbitmq-server

progress 60 "Writing the configuration"
install -d -m 0755 $SYSTEMD/epmd.socket.d $SYSTEMD/rabbitmq-server.service.d
restart=false
text=$(python3 definitions.py $FOLDER/stead.json)
if write_file $FOLDER/stead.json 0640 root:rabbitmq <<<"$text"; then restart=true; fi
if settings | write_file $FOLDER/rabbitmq.conf 0644 root:root; then restart=true; fi
if environment | write_file $FOLDER/rabbitmq-env.conf 0644 root:root; then restart=true; fi
if write_file $FOLDER/enabled_plugins 0644 root:root <<<'[rabbitmq_management,rabbitmq_prometheus].'; then restart=true; fi
if unit | write_file $SYSTEMD/rabbitmq-server.service.d/stead.conf 0644 root:root; then restart=true; fi
if socket | write_file $SYSTEMD/epmd.socket.d/stead.conf 0644 root:root; then
    systemctl daemon-reload
    systemctl stop epmd.service epmd.socket 2>/dev/null || true
fi

progress 70 "Starting RabbitMQ"
if [ $restart = true ] || ! service_runs rabbitmq-server; then
    service restart rabbitmq-server || fail 3 "RabbitMQ does not start"
fi
wait_for 120 ./check.sh || fail 3 "RabbitMQ does not answer"
progress 100 "Done"
