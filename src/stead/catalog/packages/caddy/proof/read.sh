#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 80 /marker.txt) == *"$MARKER" ]]
