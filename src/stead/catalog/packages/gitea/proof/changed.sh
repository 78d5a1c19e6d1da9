#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 3000 /user/login) == *"$TITLE"* ]]
