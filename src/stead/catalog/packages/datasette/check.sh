#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get_as "${USERNAME:?}" "${PASSWORD:?}" 8001 /-/versions.json) == "HTTP/1."*" 200 "* ]] ||
    fail 2 "Datasette does not answer to this user"
status=$(http_status 8001 /-/versions.json)
if [ "${OPEN_TO_ALL:-false}" = true ]; then wanted=200; else wanted=401; fi
[ "$status" = $wanted ] || fail 2 "without a password Datasette answers ${status:-nothing}, not $wanted"
echo "Datasette answers"
