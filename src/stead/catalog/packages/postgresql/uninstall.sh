#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping PostgreSQL"
if command -v pg_lsclusters >/dev/null; then
    pg_lsclusters -h | while read -r version name _; do
        pg_dropcluster --stop "$version" "$name" || fail 2 "cannot remove the cluster $name"
    done
fi
progress 40 "Removing packages"
mapfile -t packages < <(dpkg-query -W -f '${Package}\n' 'postgresql*' 2>/dev/null || true)
if [ ${#packages[@]} -gt 0 ]; then remove_packages "${packages[@]}"; fi
rm -rf /etc/postgresql /etc/postgresql-common /var/lib/postgresql /var/log/postgresql
progress 100 "Done"
