#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly OWN=/etc/redis/stead.conf

need_backup dump.rdb
redis-check-rdb "$BACKUP/dump.rdb" >/dev/null || fail 1 "the backup is damaged"

progress 20 "Stopping redis"
service stop redis-server || fail 3 "redis does not stop"
rm -rf /var/lib/redis/appendonlydir
install -m 0660 -o redis -g redis "$BACKUP/dump.rdb" /var/lib/redis/dump.rdb

# With the log of changes on, redis would look at the log alone and begin with no data.
progress 50 "Loading the data"
sed 's/^appendonly .*/appendonly no/' "$OWN" >"$OWN.restore"
cp -p "$OWN" "$OWN.kept"
cat "$OWN.restore" >"$OWN"
trap '[ ! -e "$OWN.kept" ] || cat "$OWN.kept" >"$OWN"; rm -f "$OWN.kept" "$OWN.restore"' EXIT
service start redis-server || fail 3 "redis does not start"
wait_for 60 ./check.sh || fail 3 "redis does not answer"
./install.sh
