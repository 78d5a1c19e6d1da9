#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
progress 20 "Asking redis for a copy of its data"
REDISCLI_AUTH=${PASSWORD:?} redis-cli --no-auth-warning --rdb "$BACKUP/dump.rdb" >/dev/null ||
    fail 2 "redis gives no copy"
redis-check-rdb "$BACKUP/dump.rdb" >/dev/null || fail 2 "the copy is damaged"
progress 100 "Backed up"
