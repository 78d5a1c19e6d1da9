#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

file=$(mktemp)
trap 'rm -f "$file"' EXIT
cat >"$file" <<LDIF
dn: uid=marker,ou=people,$SUFFIX
objectClass: inetOrgPerson
uid: marker
cn: A marker
sn: $MARKER
LDIF
with_password ldapadd -x -H "ldap://$ADDRESS" -D "$ADMIN" -f "$file"
