#!/bin/bash
set -euo pipefail

python3 s3.py "$ADDRESS" PUT "/$BUCKET/marker.txt" "$MARKER"
