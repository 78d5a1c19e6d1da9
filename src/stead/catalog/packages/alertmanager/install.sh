#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly UNIT=prometheus-alertmanager
readonly FOLDER=/etc/prometheus
readonly DATA=/var/lib/prometheus/alertmanager
readonly DROP_IN=/etc/systemd/system/$UNIT.service.d/stead.conf
readonly WEBHOOKS='^(https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9/._~-]*)?)?$'

[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${REPEAT_HOURS:-} =~ ^[0-9]+$ ]] || fail 1 "hours are a number"
[[ ${GROUP_BY:-} =~ ^[a-zA-Z0-9_\ ]+$ ]] || fail 1 "labels are names"
[[ ${WEBHOOK:-} =~ $WEBHOOKS ]] || fail 1 "the web hook is an address such as http://10.0.0.5:8080/alerts"

settings() {
    local labels
    # shellcheck disable=SC2086
    labels=$(printf '"%s", ' $GROUP_BY)
    cat <<CONF
templates: ["$FOLDER/alertmanager_templates/*.tmpl"]
route:
  receiver: chosen
  group_by: [${labels%, }]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: ${REPEAT_HOURS}h
receivers:
  - name: chosen
CONF
    if [ -n "${WEBHOOK:-}" ]; then
        printf '    webhook_configs:\n      - {url: "%s", send_resolved: true}\n' "$WEBHOOK"
    fi
}

access() { printf 'basic_auth_users:\n  %s: "%s"\n' "$USERNAME" "$hash"; }

unit() {
    cat <<CONF
[Service]
ExecStart=
ExecStart=/usr/bin/$UNIT --config.file=$FOLDER/alertmanager.yml --storage.path=$DATA --web.listen-address=:9093 --web.config.file=$FOLDER/stead.alertmanager.yml --cluster.listen-address=
ExecReload=
ExecReload=/bin/sh -c 'kill -HUP \$MAINPID'
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=$DATA
ProtectHome=yes
PrivateTmp=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
CONF
}

progress 5 "Installing Alertmanager"
install_packages $UNIT

progress 70 "Writing the configuration"
install -d -m 0755 "$(dirname "$DROP_IN")"
install -d -m 0755 -o prometheus -g prometheus $DATA
hash=$(python3 -W ignore hashed.py $FOLDER/stead.alertmanager.yml)
access | write_file $FOLDER/stead.alertmanager.yml 0640 root:prometheus || true
settings | write_file $FOLDER/alertmanager.yml 0644 root:root || true
restart=false
if unit | write_file "$DROP_IN" 0644 root:root; then restart=true; fi
said=$(amtool check-config $FOLDER/alertmanager.yml 2>&1) || fail 3 "Alertmanager refuses its configuration: $said"

progress 85 "Starting Alertmanager"
if [ $restart = true ] || ! service_runs $UNIT; then
    service restart $UNIT || fail 3 "Alertmanager does not start"
else
    service reload $UNIT || fail 3 "Alertmanager does not read its configuration again"
fi
wait_for 30 ./check.sh || fail 3 "Alertmanager does not answer"
progress 100 "Done"
