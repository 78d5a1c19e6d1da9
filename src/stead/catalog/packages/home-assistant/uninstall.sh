#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping Home Assistant"
systemctl disable --now --quiet home-assistant 2>/dev/null || true
rm -rf /etc/systemd/system/home-assistant.service /opt/home-assistant /var/lib/home-assistant
systemctl daemon-reload
remove_account home-assistant
progress 50 "Removing packages"
remove_packages python3-pip-whl
progress 100 "Done"
