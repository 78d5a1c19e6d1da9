#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping Datasette"
systemctl disable --now --quiet datasette 2>/dev/null || true
rm -rf /etc/systemd/system/datasette.service /opt/datasette /opt/datasette.new /etc/datasette /var/lib/datasette
systemctl daemon-reload
remove_account datasette
progress 50 "Removing packages"
# The second one was needed by the version before.
remove_packages python3-pip-whl python3-venv
progress 100 "Done"
