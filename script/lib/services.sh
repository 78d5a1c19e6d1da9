# shellcheck shell=bash
# The two processes of Stead, under systemd or, where there is none, as detached processes with a pid file.

DATA=/var/lib/stead
EDGE_DATA=/var/lib/stead-edge
RUN=/run/stead
SERVICES=(stead stead-edge)
HEALTH=http://127.0.0.1:8080/healthz

ensure_users() {
  local name
  for name in stead stead-edge; do
    getent passwd "$name" >/dev/null && continue
    made user "$name"
    made group "$name"
    useradd --system --user-group --no-create-home --home-dir "/var/lib/$name" --shell /usr/sbin/nologin "$name"
  done
  own_folder "$DATA" 0751 stead:stead
  own_folder "$EDGE_DATA" 0750 stead-edge:stead-edge
}

configured_domain() { sed -nE 's/^domain = "(.*)"/\1/p' "$CONFIG/stead.toml" 2>/dev/null || true; }

# Prints which engine an installation has; nothing before there is one.
configured_engine() {
  [[ -e $CONFIG/stead.toml ]] || return 0
  grep -qxF 'kind = "simulator"' "$CONFIG/stead.toml" && echo simulator || echo incus
}

engine_settings() {
  if [[ $ENGINE == simulator ]]; then
    printf '[engine]\nkind = "simulator"\n'
    return
  fi
  cat <<TEXT
[incus]
url = "$INCUS_URL"
project = "$PROJECT"
pool = "$POOL"
image = "$IMAGE"
TEXT
}

write_config() {
  own_folder "$CONFIG" 0755 root:root
  DOMAIN=${DOMAIN:-$(configured_domain)}
  DOMAIN=${DOMAIN:-stead.localhost}
  own_file "$CONFIG/stead.toml" 0644 root:root <<TEXT
# Written by script/quickstart; every setting has a default, see the reference of settings.
[server]
domain = "$DOMAIN"
data_dir = "$DATA"

$(engine_settings)

[edge]
token_file = "$DATA/edge.token"
state_dir = "$EDGE_DATA"
TEXT
}

# Once for each version of the code: it brings the database up to date and makes what is missing.
initialize() {
  local code
  code=$(cat "$PREFIX/installed")
  [[ -e $DATA/edge.token && $(cat "$STATE_DIR/initialized" 2>/dev/null) == "$code" ]] && return
  "$COMMAND" admin init --owner stead --edge-group stead-edge
  echo "$code" >"$STATE_DIR/initialized"
}

unit_text() {
  local name=$1 what=$2 verb=$3 extra=$4
  cat <<TEXT
[Unit]
Description=$what
After=network-online.target incus.socket
Wants=network-online.target

[Service]
User=$name
Group=$name
ExecStart=$VENV/bin/stead $verb
Restart=always
RestartSec=1
TimeoutStopSec=30
LimitNOFILE=65536
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
$extra

[Install]
WantedBy=multi-user.target
TEXT
}

install_units() {
  unit_text stead "Stead control plane" serve "ReadWritePaths=$DATA
CapabilityBoundingSet=" | own_file /etc/systemd/system/stead.service 0644 root:root
  unit_text stead-edge "Stead edge" edge "ReadWritePaths=$EDGE_DATA
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE" | own_file /etc/systemd/system/stead-edge.service 0644 root:root
  systemctl daemon-reload
  systemctl enable -q "${SERVICES[@]}"
}

service_pid() {
  local pid
  pid=$(cat "$RUN/$1.pid" 2>/dev/null) || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$VENV/bin/" && echo "$pid"
}

service_runs() { if has_systemd; then systemctl is-active -q "$1"; else service_pid "$1" >/dev/null; fi; }

start_detached() {
  local name=$1 verb=$2
  shift 2
  install -d "$RUN" "$LOG_DIR"
  (
    cd /
    exec setsid setpriv --reuid "$name" --regid "$name" --init-groups --no-new-privs "$@" \
      env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME="/var/lib/$name" LANG=C.UTF-8 \
      "$VENV/bin/stead" "$verb" </dev/null >>"$LOG_DIR/$name.log" 2>&1 3>&- 9>&-
  ) &
  echo $! >"$RUN/$name.pid"
}

start_services() {
  if has_systemd; then
    systemctl start "${SERVICES[@]}"
    return
  fi
  service_runs stead || start_detached stead serve --bounding-set -all
  service_runs stead-edge || start_detached stead-edge edge \
    --bounding-set -all,+net_bind_service --inh-caps +net_bind_service --ambient-caps +net_bind_service
}

stop_services() {
  local name pid
  if has_systemd; then
    [[ ! -e /etc/systemd/system/stead.service ]] || systemctl stop "${SERVICES[@]}"
    return
  fi
  for name in stead-edge stead; do
    pid=$(service_pid "$name") || continue
    kill "$pid"
    until_true 30 gone "$pid" || kill -KILL -- "-$pid"
    rm -f "$RUN/$name.pid"
  done
}

healthy() { [[ $(curl -s -o /dev/null -m 2 -w '%{http_code}' "$HEALTH") == 200 ]]; }

healthy_or_dead() { healthy || ! service_runs stead; }

# Asks an address below our domain, as a client that trusts our authority alone and finds it on this machine.
answers_200() {
  local code
  code=$(curl -s -o /dev/null -m 5 -w '%{http_code}' --cacert "$DATA/ca.pem" --resolve "$1:443:127.0.0.1" "https://$1$2") || return 1
  [[ $code == 200 ]]
}

console_answers() { answers_200 "console.$DOMAIN" /healthz; }

console_or_dead() { console_answers || ! service_runs stead-edge; }

run_services() {
  if has_systemd; then install_units; fi
  if [[ ${CHANGED:-} == yes ]]; then stop_services; fi
  start_services
  until_true 60 healthy_or_dead || true
  healthy || die "The control plane does not answer on $HEALTH." "$(service_log stead)"
  until_true 60 console_or_dead || true
  console_answers || die "The console does not answer on https://console.$DOMAIN." "$(service_log stead-edge)"
  service_runs stead-edge || die "The edge stopped." "$(service_log stead-edge)"
}

service_log() {
  if has_systemd; then journalctl -u "$1" -n 15 --no-pager -o cat; else tail -n 15 "$LOG_DIR/$1.log"; fi
}
