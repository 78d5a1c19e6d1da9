#!/bin/bash
set -euo pipefail
. ./proof/image.sh

make_image
id=$(docker create proof /bin/sh)
size=$(docker inspect -f '{{index .HostConfig.LogConfig.Config "max-size"}}' "$id")
docker rm "$id" >/dev/null
[ "$size" = "${LOG_MB}m" ]
