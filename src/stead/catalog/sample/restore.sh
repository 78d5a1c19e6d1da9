#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup data.tar
install -d -m 0755 /var/lib/sample-app
tar -C /var/lib/sample-app -xf "$BACKUP/data.tar"
progress 100 "Restored"
