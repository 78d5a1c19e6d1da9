#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping Prometheus"
if is_installed prometheus; then service stop prometheus || true; fi
rm -rf /etc/systemd/system/prometheus.service.d
progress 40 "Removing packages and data"
remove_packages prometheus
remove_data prometheus /etc/prometheus /var/lib/prometheus/metrics2
remove_if_empty /var/lib/prometheus
is_installed prometheus || is_installed prometheus-node-exporter || remove_account prometheus
if has_systemd; then systemctl daemon-reload; fi
progress 100 "Done"
