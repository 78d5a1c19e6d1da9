#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./database.sh

readonly SETTINGS=/etc/mysql/mariadb.conf.d/90-stead.cnf

[[ ${DATABASE:-} =~ ^[a-z][a-z0-9_]*$ ]] || fail 1 "a database is needed"
[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${MAX_CONNECTIONS:-} =~ ^[0-9]+$ ]] || fail 1 "the number of connections is a number"
case $USERNAME in
    root | mysql | mariadb_sys) fail 1 "MariaDB keeps the user $USERNAME for itself" ;;
esac
case $DATABASE in
    mysql | sys | information_schema | performance_schema)
        fail 1 "MariaDB keeps the database $DATABASE for itself"
        ;;
esac

# Everyone comes from the address of the network's gateway, so failed logins of one must not shut
# the others out; names are not looked up for the same reason.
settings() {
    cat <<CONF
[mariadbd]
bind_address = *
skip_name_resolve = ON
max_connections = $MAX_CONNECTIONS
max_connect_errors = 4294967295
character_set_server = utf8mb4
collation_server = utf8mb4_unicode_ci
local_infile = OFF
CONF
}

answers() { [ "$(sql <<<'SELECT 1')" = 1 ]; }

progress 5 "Installing MariaDB"
install_packages mariadb-server

progress 70 "Writing the configuration"
changed=false
if settings | write_file "$SETTINGS" 0644 root:root; then changed=true; fi

progress 80 "Starting MariaDB"
if ! service_runs mariadb; then
    service start mariadb || fail 3 "MariaDB does not start"
elif [ $changed = true ]; then
    service restart mariadb || fail 3 "MariaDB does not start again"
fi
wait_for 60 answers || fail 3 "MariaDB does not answer"

progress 90 "Creating the user and the database"
create_user_and_database || fail 3 "the user and the database cannot be created"
wait_for 20 ./check.sh || fail 3 "the new user cannot connect"
progress 100 "Done"
