#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

command -v ldapwhoami >/dev/null || fail 2 "OpenLDAP is not installed"
said=$(as_admin ldapwhoami -o nettimeout=5 2>&1) || fail 2 "the administrator cannot sign in: $said"
LDAPTLS_REQCERT=never ldapwhoami -x -ZZ -o nettimeout=5 -H ldap://127.0.0.1 >/dev/null 2>&1 ||
    fail 2 "TLS does not work"
echo "OpenLDAP answers"
