#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping Caddy"
if is_installed caddy; then service stop caddy || true; fi
rm -rf /srv/caddy /etc/systemd/system/caddy.service.d
progress 40 "Removing packages"
remove_packages caddy
remove_data caddy /etc/caddy /var/lib/caddy
is_installed caddy || remove_account caddy
if has_systemd; then systemctl daemon-reload; fi
progress 100 "Done"
