#!/bin/bash
set -euo pipefail

# client.sh pub|sub WORDS...: speak to this broker as the user; the password lies in a file that
# nobody else reads.
folder=$(umask 077 && mktemp -d)
trap 'rm -rf "$folder"' EXIT
for name in mosquitto_pub mosquitto_sub; do
    printf -- '-u %s\n-P %s\n' "$USERNAME" "$PASSWORD" >"$folder/$name"
done
XDG_CONFIG_HOME=$folder timeout 10 "mosquitto_$1" -h 127.0.0.1 "${@:2}"
