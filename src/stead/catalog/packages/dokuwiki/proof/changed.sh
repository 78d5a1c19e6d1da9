#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 80 '/doku.php?id=start') == *"[$TITLE]"* ]]
