#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 4873 /) == *"$TITLE"* ]]
