#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly UNIT=prometheus-alertmanager

progress 10 "Stopping Alertmanager"
if is_installed $UNIT; then service stop $UNIT || true; fi
rm -rf /etc/systemd/system/$UNIT.service.d
progress 40 "Removing packages and data"
remove_packages $UNIT
remove_data $UNIT /etc/prometheus/alertmanager.yml /etc/prometheus/stead.alertmanager.yml \
    /etc/prometheus/alertmanager_templates /var/lib/prometheus/alertmanager
remove_if_empty /etc/prometheus /var/lib/prometheus /var/log/prometheus
# The account is shared with Prometheus and its exporters.
[ -e /var/lib/prometheus ] || remove_account prometheus
if has_systemd; then systemctl daemon-reload; fi
progress 100 "Done"
