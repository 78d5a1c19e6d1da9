#!/bin/bash
set -euo pipefail

python3 ask.py "$ADDRESS" POST /api/folders "{\"uid\": \"proof\", \"title\": \"$MARKER\"}"
