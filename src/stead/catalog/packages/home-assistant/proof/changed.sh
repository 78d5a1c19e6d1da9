#!/bin/bash
set -euo pipefail

[[ $(python3 ask.py "$ADDRESS" GET /api/config) == *"\"location_name\":\"$HOME_NAME\""* ]]
