#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

[[ $(ldapsearch -x -LLL -H "ldap://$ADDRESS" -b "$SUFFIX" '(ou=people)' dn 2>/dev/null) == *"ou=people,$SUFFIX"* ]]
