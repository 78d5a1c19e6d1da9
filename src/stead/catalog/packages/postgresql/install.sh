#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./database.sh

[[ ${DATABASE:-} =~ ^[a-z][a-z0-9_]*$ ]] || fail 1 "a database is needed"
[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ $USERNAME != postgres && $USERNAME != pg_* ]] || fail 1 "PostgreSQL keeps the user $USERNAME for itself"
case $DATABASE in
    postgres | template0 | template1) fail 1 "PostgreSQL keeps the database $DATABASE for itself" ;;
esac

settings() {
    cat <<CONF
listen_addresses = '*'
password_encryption = 'scram-sha-256'
max_connections = ${MAX_CONNECTIONS:-100}
CONF
}

# Routed clients arrive with the address of the network's gateway, so the password decides, not
# the address. The superuser is for this machine only.
access() {
    cat <<'CONF'
local   all         postgres    peer
local   all         all         scram-sha-256
host    all         postgres    all     reject
host    replication all         all     reject
host    all         all         all     scram-sha-256
CONF
}

# An installation that was killed may leave half a cluster. One that never ran as a server has no
# postmaster.opts, hence nobody's data.
remove_unfinished_clusters() {
    local data version
    for data in /var/lib/postgresql/*/main; do
        if [ -d "$data" ] && [ ! -e "$data/postmaster.opts" ]; then
            version=$(basename "$(dirname "$data")")
            rm -rf "$data" "/etc/postgresql/$version/main"
        fi
    done
}

installed_version() {
    local path
    path=$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -n 1) || return 1
    path=${path#/usr/lib/postgresql/}
    echo "${path%%/*}"
}

answers() { [ "$(sql <<<'SELECT 1')" = 1 ]; }

progress 5 "Installing PostgreSQL"
remove_unfinished_clusters
install_packages postgresql
version=$(pg_lsclusters -h | awk '$2 == "main" { version = $1 } END { print version }')
if [ -z "$version" ]; then
    version=$(installed_version) || fail 2 "PostgreSQL is not there"
    pg_createcluster "$version" main || fail 2 "PostgreSQL does not create its cluster"
fi

progress 70 "Writing the configuration"
folder=/etc/postgresql/$version/main
mkdir -p "$folder/conf.d"
changed=false
if settings | write_file "$folder/conf.d/stead.conf" 0644 postgres:postgres; then changed=true; fi
access | write_file "$folder/pg_hba.conf" 0640 postgres:postgres || true

progress 80 "Starting PostgreSQL"
if has_systemd; then systemctl daemon-reload; fi
if ! pg_ctlcluster "$version" main status >/dev/null; then
    pg_ctlcluster "$version" main start || fail 3 "PostgreSQL does not start"
elif [ $changed = true ]; then
    pg_ctlcluster "$version" main restart || fail 3 "PostgreSQL does not start again"
else
    pg_ctlcluster "$version" main reload
fi
wait_for 60 answers || fail 3 "PostgreSQL does not answer"

progress 90 "Creating the user and the database"
create_user_and_database || fail 3 "the user and the database cannot be created"
wait_for 20 ./check.sh || fail 3 "the new user cannot connect"
progress 100 "Done"
