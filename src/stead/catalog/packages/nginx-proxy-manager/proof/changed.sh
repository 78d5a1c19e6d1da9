#!/bin/bash
set -euo pipefail

docker exec nginx-proxy-manager sh -c 'grep -rqE "^ *listen \[::\]:80" /etc/nginx/conf.d /data/nginx'
