#!/bin/bash
set -euo pipefail

python3 ask.py "$ADDRESS" POST /api/v1/user/repos "{\"name\": \"proof\", \"description\": \"$MARKER\", \"auto_init\": true}"
