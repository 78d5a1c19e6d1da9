#!/bin/bash
set -euo pipefail
. ./stead.sh

[ -n "${TEXT:-}" ] || fail 1 "a text is needed"

progress 20 "Writing the page"
install -d -m 0755 /var/lib/sample-app
printf '%s\n' "$TEXT" | write_file /var/lib/sample-app/index.html 0644 root:root || true
write_file /etc/systemd/system/sample-app.service 0644 root:root <<'UNIT' || true
[Unit]
Description=Sample app
After=network.target

[Service]
ExecStart=/usr/bin/python3 -m http.server --directory /var/lib/sample-app 80
DynamicUser=yes
AmbientCapabilities=CAP_NET_BIND_SERVICE
Restart=on-failure

[Install]
WantedBy=multi-user.target
UNIT

progress 60 "Starting it"
systemctl daemon-reload
systemctl enable --now --quiet sample-app || fail 3 "it does not start"
wait_for 20 ./check.sh || fail 3 "the page does not answer"
progress 100 "Done"
