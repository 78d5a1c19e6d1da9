#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping Node-RED"
systemctl disable --now --quiet node-red 2>/dev/null || true
rm -rf /etc/systemd/system/node-red.service /opt/node-red /opt/node-red.new /etc/node-red /var/lib/node-red
systemctl daemon-reload
remove_account node-red
progress 50 "Removing packages"
remove_packages python3-pip-whl
progress 100 "Done"
