#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

need_backup directory.ldif lines
[ "$(wc -l <"$BACKUP/directory.ldif")" = "$(cat "$BACKUP/lines")" ] || fail 1 "the backup is cut off"
grep -qix "dn: $SUFFIX" "$BACKUP/directory.ldif" || fail 1 "the backup is of another domain"
progress 10 "Checking the backup"
slapadd -u -n 1 -F /etc/ldap/slapd.d -l "$BACKUP/directory.ldif" || fail 1 "the backup is damaged"
progress 30 "Stopping OpenLDAP"
service stop slapd || fail 3 "OpenLDAP does not stop"
find /var/lib/ldap -mindepth 1 -delete
progress 50 "Restoring the directory"
slapadd -q -n 1 -F /etc/ldap/slapd.d -l "$BACKUP/directory.ldif" || fail 3 "the directory cannot be restored"
chown -R openldap:openldap /var/lib/ldap
service start slapd || fail 3 "OpenLDAP does not start"
wait_for 30 ./check.sh || fail 3 "OpenLDAP does not answer"
progress 100 "Restored"
