#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 80 /) == *"max-age=$CACHE_SECONDS"$'\r'* ]]
