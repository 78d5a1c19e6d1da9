#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping Syncthing"
systemctl disable --now --quiet syncthing 2>/dev/null || true
rm -rf /etc/systemd/system/syncthing.service /var/lib/syncthing
systemctl daemon-reload
remove_account syncthing
progress 50 "Removing packages"
remove_packages syncthing
progress 100 "Done"
