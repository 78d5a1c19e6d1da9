#!/bin/bash
set -euo pipefail

[[ $(python3 ask.py "$ADDRESS" GET /api/nginx/access-lists) == *"\"name\":\"$MARKER\""* ]]
