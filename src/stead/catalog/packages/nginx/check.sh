#!/bin/bash
set -euo pipefail
. ./stead.sh

answer=$(http_get 80 /stead-health) || fail 2 "nginx does not answer on port 80"
[[ $answer == "HTTP/1.1 200 "*"ok" ]] || fail 2 "nginx answers, but not with this configuration"
echo "nginx answers"
