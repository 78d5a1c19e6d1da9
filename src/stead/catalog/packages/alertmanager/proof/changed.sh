#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get_as "$USERNAME" "$PASSWORD" 9093 /api/v2/status) == *"repeat_interval: ${REPEAT_HOURS}h"* ]]
