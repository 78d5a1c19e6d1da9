#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get_as "$USERNAME" "$PASSWORD" 8001 /-/metadata.json) == *"\"title\": \"$TITLE\""* ]]
