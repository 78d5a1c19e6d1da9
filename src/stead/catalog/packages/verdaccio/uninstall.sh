#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping Verdaccio"
systemctl disable --now --quiet verdaccio 2>/dev/null || true
rm -rf /etc/systemd/system/verdaccio.service /opt/verdaccio /opt/verdaccio.new /etc/verdaccio /var/lib/verdaccio
systemctl daemon-reload
remove_account verdaccio
progress 50 "Removing packages"
remove_packages python3-pip-whl
progress 100 "Done"
