#!/bin/bash
set -euo pipefail
. ./stead.sh

answer=$(http_get_as "$USERNAME" "$PASSWORD" 9090 '/api/v1/query?query=last_over_time(proof_marker%5B1h%5D)')
[[ $answer == *"$MARKER"* ]]
