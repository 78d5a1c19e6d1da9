#!/bin/bash
set -euo pipefail

[[ $(./proof/ask.sh GET /rest/config/devices) == *"\"name\": \"$DEVICE_NAME\""* ]]
