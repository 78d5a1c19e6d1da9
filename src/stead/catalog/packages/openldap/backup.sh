#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
progress 10 "Copying the directory"
(umask 077 && slapcat -n 1 -F /etc/ldap/slapd.d -l "$BACKUP/directory.ldif") || fail 2 "the directory cannot be copied"
wc -l <"$BACKUP/directory.ldif" >"$BACKUP/lines"
progress 100 "Backed up"
