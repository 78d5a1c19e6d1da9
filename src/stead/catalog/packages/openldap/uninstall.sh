#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping OpenLDAP"
if is_installed slapd; then service stop slapd || true; fi
progress 40 "Removing packages and the directory"
remove_packages slapd ldap-utils
remove_data slapd /etc/ldap /var/lib/ldap /var/lib/slapd /var/run/slapd
is_installed slapd || remove_account openldap
progress 100 "Done"
