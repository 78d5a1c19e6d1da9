#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
tar -C /srv/www -cf "$BACKUP/www.tar" .
progress 100 "Backed up"
