#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping the exporter"
if is_installed prometheus-node-exporter; then service stop prometheus-node-exporter || true; fi
rm -rf /etc/systemd/system/prometheus-node-exporter.service.d
progress 40 "Removing packages"
remove_packages prometheus-node-exporter
remove_data prometheus-node-exporter /var/lib/prometheus/node-exporter
remove_if_empty /var/lib/prometheus
is_installed prometheus || is_installed prometheus-node-exporter || remove_account prometheus
if has_systemd; then systemctl daemon-reload; fi
progress 100 "Done"
