#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping MariaDB"
if is_installed mariadb-server; then service stop mariadb || true; fi
progress 40 "Removing packages and data"
mapfile -t packages < <(brought 'mariadb*' mysql-common)
remove_packages "${packages[@]}"
remove_data mariadb-server /etc/mysql /var/lib/mysql /var/log/mysql /run/mysqld
is_installed mariadb-server || remove_account mysql
progress 100 "Done"
