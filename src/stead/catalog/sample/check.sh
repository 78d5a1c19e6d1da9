#!/bin/bash
set -euo pipefail
. ./stead.sh

[ "$(http_status 80 /)" = 200 ] || fail 2 "the page is not served"
echo "the page is served"
