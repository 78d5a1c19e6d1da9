#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
tar -C /var/www/stead-site -cf "$BACKUP/site.tar" .
progress 100 "Backed up"
