#!/bin/bash
set -euo pipefail
. ./stead.sh

# Declares a queue and passes a message through it: whoever can do that has a broker that works.
answer=$(http_get_as "${USERNAME:?}" "${PASSWORD:?}" 15672 /api/aliveness-test/%2F)
[[ $answer == *'{"status":"ok"}'* ]] || fail 2 "RabbitMQ passes no messages for this user"
[ "$(http_status 15672 /api/whoami)" = 401 ] || fail 2 "RabbitMQ answers without a password"
status=$(http_get_as guest guest 15672 /api/whoami)
[[ $status == *" 401 "* ]] || fail 2 "RabbitMQ knows the user guest"
[ "$(http_status 15692 /metrics)" = 200 ] || fail 2 "RabbitMQ gives no figures"
echo "RabbitMQ answers"
