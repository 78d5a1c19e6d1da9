#!/bin/bash
set -euo pipefail
. ./stead.sh

systemctl disable --now --quiet sample-app 2>/dev/null || true
rm -rf /etc/systemd/system/sample-app.service /var/lib/sample-app
systemctl daemon-reload
progress 100 "Done"
