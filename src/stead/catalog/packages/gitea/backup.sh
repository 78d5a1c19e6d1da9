#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped one changes no file; it is away for as long as the copy takes.
progress 10 "Stopping Gitea"
trap 'service start gitea' EXIT
service stop gitea || fail 3 "Gitea does not stop"
progress 30 "Copying"
tar -C /var/lib/gitea -cf "$BACKUP/gitea.tar" .
# What it encrypts with belongs to what it encrypted.
tar -C /etc/gitea -cf "$BACKUP/keys.tar" secret_key internal_token
service start gitea || fail 3 "Gitea does not start again"
trap - EXIT
wait_for 90 ./check.sh || fail 3 "Gitea does not answer"
progress 100 "Backed up"
