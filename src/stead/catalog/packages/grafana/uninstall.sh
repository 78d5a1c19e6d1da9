#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping Grafana"
systemctl disable --now --quiet grafana 2>/dev/null || true
rm -rf /etc/systemd/system/grafana.service /opt/grafana /opt/grafana.new /etc/grafana /var/lib/grafana
systemctl daemon-reload
remove_account grafana
progress 50 "Removing packages"
remove_packages curl
progress 100 "Done"
