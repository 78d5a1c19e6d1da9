#!/bin/bash
set -euo pipefail

[[ $(python3 ask.py "$ADDRESS" GET /api/contents/marker.txt) == *"\"content\": \"$MARKER\""* ]]
