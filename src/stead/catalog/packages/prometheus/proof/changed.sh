#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get_as "$USERNAME" "$PASSWORD" 9090 /api/v1/status/config) == *"scrape_interval: ${SCRAPE_SECONDS}s"* ]]
