#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get_as "${USERNAME:?}" "${PASSWORD:?}" 4873 /-/whoami) == *"\"$USERNAME\""* ]] ||
    fail 2 "Verdaccio does not answer to this user"
# Asks for a package that is here or nowhere, so that nobody else has to be up.
status=$(http_status 4873 /-/package/@stead%2Fnothing/dist-tags)
if [ "${OPEN_TO_ALL:-false}" = true ]; then wanted=404; else wanted=401; fi
[ "$status" = $wanted ] || [ "${PASS_ON:-false}${OPEN_TO_ALL:-false}" = truetrue ] ||
    fail 2 "without a password Verdaccio answers ${status:-nothing}, not $wanted"
[[ $(http_get 4873 /) == "HTTP/1."*" 200 "* ]] || fail 2 "Verdaccio shows no page"
echo "Verdaccio answers"
