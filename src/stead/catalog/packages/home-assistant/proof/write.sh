#!/bin/bash
set -euo pipefail

python3 ask.py "$ADDRESS" POST /api/config/automation/config/proof \
    "{\"alias\": \"$MARKER\", \"triggers\": [], \"conditions\": [], \"actions\": []}"
