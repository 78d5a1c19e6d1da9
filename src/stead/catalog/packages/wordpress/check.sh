#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 80 /wp-login.php) == "HTTP/1."*" 200 "*'name="log"'* ]] || fail 2 "nobody can sign in"
[ "$(http_status 80 /)" = 200 ] || fail 2 "the site is not served"
[ "$(http_status 80 /xmlrpc.php)" = 404 ] || fail 2 "the old interface is open"
echo "the site is served"
