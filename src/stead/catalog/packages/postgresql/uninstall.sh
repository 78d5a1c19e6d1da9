#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping PostgreSQL"
if [ -n "$(brought postgresql-common)" ] && command -v pg_lsclusters >/dev/null; then
    pg_lsclusters -h | while read -r version name _; do
        pg_dropcluster --stop "$version" "$name" || fail 2 "cannot remove the cluster $name"
    done
fi
progress 40 "Removing packages"
mapfile -t packages < <(brought 'postgresql*')
remove_packages "${packages[@]}"
remove_data postgresql-common /etc/postgresql /etc/postgresql-common /var/lib/postgresql /var/log/postgresql
is_installed postgresql-common || remove_account postgres
is_installed ssl-cert || remove_account ssl-cert
progress 100 "Done"
