#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# Flows are written in one replacement, so a copy is whole while it runs.
progress 10 "Copying flows and credentials"
tar -C /var/lib/node-red --exclude=./.npm --exclude=./.sessions.json -cf "$BACKUP/node-red.tar" .
progress 100 "Backed up"
