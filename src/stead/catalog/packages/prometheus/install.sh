#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly FOLDER=/etc/prometheus
readonly DROP_IN=/etc/systemd/system/prometheus.service.d/stead.conf

[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${SCRAPE_SECONDS:-} =~ ^[0-9]+$ && ${RETENTION_DAYS:-} =~ ^[0-9]+$ ]] || fail 1 "times are numbers"
[[ ${TARGETS:-} =~ ^[A-Za-z0-9.:\ -]*$ ]] || fail 1 "targets are addresses with ports"

settings() {
    local list
    list=$(printf '"%s", ' ${TARGETS:-})
    [ -n "${TARGETS:-}" ] || list=
    cat <<CONF
global:
  scrape_interval: ${SCRAPE_SECONDS}s
scrape_configs:
  - job_name: prometheus
    basic_auth: {username: $USERNAME, password_file: $FOLDER/stead.password}
    static_configs:
      - targets: ["127.0.0.1:9090"]
  - job_name: targets
    static_configs:
      - targets: [${list%, }]
    file_sd_configs:
      - files: [$FOLDER/targets/*.json, $FOLDER/targets/*.yml]
rule_files: [$FOLDER/rules/*.yml]
CONF
}

# Costly to make and to check on purpose; the same password keeps the same line.
access() {
    python3 -W ignore - "$FOLDER/stead.web.yml" <<'PY'
import crypt, os, re, sys
user, password = os.environ["USERNAME"], os.environ["PASSWORD"]
try:
    known = re.search(r'"(\$2b\$[^"]+)"', open(sys.argv[1]).read())
except OSError:
    known = None
salt = known[1] if known else crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1024)
made = crypt.crypt(password, salt)
if known and made != known[1]:
    made = crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1024))
print(f'basic_auth_users:\n  {user}: "{made}"')
PY
}

unit() {
    cat <<CONF
[Service]
ExecStart=
ExecStart=/usr/bin/prometheus --config.file=$FOLDER/prometheus.yml --storage.tsdb.path=/var/lib/prometheus/metrics2 --storage.tsdb.retention.time=${RETENTION_DAYS}d --web.listen-address=:9090 --web.config.file=$FOLDER/stead.web.yml
ExecReload=
ExecReload=/bin/sh -c 'kill -HUP \$MAINPID'
NoNewPrivileges=yes
ProtectHome=yes
PrivateTmp=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
CONF
}

progress 5 "Installing Prometheus"
install_packages prometheus

progress 70 "Writing the configuration"
install -d -m 0755 $FOLDER/targets $FOLDER/rules "$(dirname "$DROP_IN")"
restart=false
printf '%s' "$PASSWORD" | write_file $FOLDER/stead.password 0640 root:prometheus || true
text=$(access)
write_file $FOLDER/stead.web.yml 0640 root:prometheus <<<"$text" || true
settings | write_file $FOLDER/prometheus.yml 0644 root:root || true
if unit | write_file "$DROP_IN" 0644 root:root; then restart=true; fi
said=$(promtool check config $FOLDER/prometheus.yml 2>&1) || fail 3 "Prometheus refuses its configuration: $said"

progress 85 "Starting Prometheus"
if [ $restart = true ] || ! service_runs prometheus; then
    service restart prometheus || fail 3 "Prometheus does not start"
else
    service reload prometheus || fail 3 "Prometheus does not read its configuration again"
fi
wait_for 60 ./check.sh || fail 3 "Prometheus does not answer"
progress 100 "Done"
