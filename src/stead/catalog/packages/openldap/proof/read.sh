#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

found=$(with_password ldapsearch -x -LLL -H "ldap://$ADDRESS" -D "$ADMIN" -b "ou=people,$SUFFIX" '(uid=marker)' sn)
[[ $found == *"sn: $MARKER"* ]]
