#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup site.tar
rm -rf /var/www/stead-site
install -d -m 0755 /var/www/stead-site
tar -C /var/www/stead-site -xf "$BACKUP/site.tar"
progress 100 "Restored"
