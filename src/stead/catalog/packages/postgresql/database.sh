# What install.sh and restore.sh share: speaking SQL as the superuser.
# shellcheck shell=bash

# Words travel by environment: arguments can be seen by everyone, and nothing is pasted into SQL.
sql() {
    runuser -u postgres -- psql -X -q -At -v ON_ERROR_STOP=1 -d postgres
}

create_user_and_database() {
    sql <<'SQL'
\set username `printf %s "$USERNAME"`
\set password `printf %s "$PASSWORD"`
\set database `printf %s "$DATABASE"`
SET log_statement TO none;
SET log_min_error_statement TO panic;
SELECT format('CREATE ROLE %I LOGIN', :'username')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'username') \gexec
SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', :'username', :'password') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'username')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SELECT format('ALTER DATABASE %I OWNER TO %I', :'database', :'username') \gexec
SQL
}
