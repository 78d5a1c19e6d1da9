#!/bin/bash
set -euo pipefail

# Here $MARKER goes in through the app's own protocol; a page of files has none but the file.
printf '%s\n' "$MARKER" >/var/lib/sample-app/marker.txt
