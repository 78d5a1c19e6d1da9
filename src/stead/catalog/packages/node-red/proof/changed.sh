#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 1880 /) == *"<title>$TITLE</title>"* ]]
