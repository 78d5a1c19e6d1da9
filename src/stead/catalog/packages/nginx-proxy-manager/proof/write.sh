#!/bin/bash
set -euo pipefail

python3 ask.py "$ADDRESS" POST /api/nginx/access-lists \
    "{\"name\": \"$MARKER\", \"items\": [], \"clients\": [{\"address\": \"192.0.2.1\", \"directive\": \"allow\"}]}"
