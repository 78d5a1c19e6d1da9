#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping Gitea"
systemctl disable --now --quiet gitea 2>/dev/null || true
rm -rf /etc/systemd/system/gitea.service /opt/gitea /opt/gitea.new /etc/gitea /var/lib/gitea
systemctl daemon-reload
remove_account gitea
progress 50 "Removing packages"
remove_packages curl gnupg git
progress 100 "Done"
