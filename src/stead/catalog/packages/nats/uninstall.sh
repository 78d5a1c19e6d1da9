#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping NATS"
if is_installed nats-server; then service stop nats-server || true; fi
rm -rf /etc/systemd/system/nats-server.service.d
progress 40 "Removing packages and data"
remove_packages nats-server
remove_data nats-server /etc/nats-server.conf /var/lib/nats
is_installed nats-server || remove_account nats
if has_systemd; then systemctl daemon-reload; fi
progress 100 "Done"
