#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
tar -C /srv/caddy -cf "$BACKUP/files.tar" .
progress 100 "Backed up"
