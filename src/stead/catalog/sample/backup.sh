#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
tar -C /var/lib/sample-app -cf "$BACKUP/data.tar" .
progress 100 "Backed up"
