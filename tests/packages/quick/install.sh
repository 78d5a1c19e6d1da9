#!/bin/bash
set -euo pipefail
echo "::progress 10 Writing the page"
mkdir -p /srv/quick
printf '%s\n' "$TEXT" >/srv/quick/index.html
echo "secret is ${#PASSWORD} characters: $PASSWORD"
[[ $INSTALL_PASSES == true ]] || { echo "told to fail" >&2; exit 1; }
cat >/etc/systemd/system/quick.service <<'UNIT'
[Service]
ExecStart=/usr/bin/python3 -m http.server --directory /srv/quick 80
[Install]
WantedBy=multi-user.target
UNIT
echo "::progress 60 Starting it"
systemctl enable --now quick.service
