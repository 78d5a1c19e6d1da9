#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 80 '/doku.php?id=start&do=login') == "HTTP/1."*" 200 "*'name="u"'* ]] || fail 2 "nobody can sign in"
[ "$(http_status 80 /lib/exe/css.php)" = 200 ] || fail 2 "the wiki's style is not served"
[ "$(http_status 80 /data/pages/start.txt)" = 404 ] || fail 2 "the wiki's files are open"
echo "the wiki is served"
