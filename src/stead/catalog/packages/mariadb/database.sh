# What the scripts of this package share: speaking SQL as root, who is known by the socket alone.
# shellcheck shell=bash

sql() { mariadb --protocol=socket -u root -N -B; }

# A text as SQL reads it; quotes and backslashes mean themselves.
quoted() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}

# Statements go through a pipe: arguments can be seen by everyone.
create_user_and_database() {
    local user
    user="$(quoted "$USERNAME")@'%'"
    sql <<SQL
CREATE DATABASE IF NOT EXISTS \`$DATABASE\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER IF NOT EXISTS $user IDENTIFIED BY $(quoted "$PASSWORD");
ALTER USER $user IDENTIFIED BY $(quoted "$PASSWORD");
GRANT ALL PRIVILEGES ON \`${DATABASE//_/\\_}\`.* TO $user;
SQL
}
