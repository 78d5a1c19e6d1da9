#!/bin/bash
set -euo pipefail
echo "before"
until [[ -e /root/go ]]; do sleep 0.1; done
seq 500
mkdir -p /srv/patient
printf 'it works\n' >/srv/patient/index.html
cat >/etc/systemd/system/patient.service <<'UNIT'
[Service]
ExecStart=/usr/bin/python3 -m http.server --directory /srv/patient 80
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --now patient.service
