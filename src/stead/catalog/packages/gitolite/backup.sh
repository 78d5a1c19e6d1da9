#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
progress 10 "Copying repositories"
tar -C /var/lib/gitolite -cf "$BACKUP/gitolite.tar" --warning=no-file-changed . || fail 2 "the copy failed"
# With the same host keys nobody is warned about another server.
(cd /etc/ssh && tar -cf "$BACKUP/host-keys.tar" ssh_host_*)
progress 100 "Backed up"
