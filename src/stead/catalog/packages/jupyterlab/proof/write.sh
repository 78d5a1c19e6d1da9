#!/bin/bash
set -euo pipefail

python3 ask.py "$ADDRESS" PUT /api/contents/marker.txt \
    "{\"type\": \"file\", \"format\": \"text\", \"content\": \"$MARKER\"}"
