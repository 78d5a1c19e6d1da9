#!/bin/bash
set -euo pipefail

printf '%s\n' "$MARKER" >/srv/www/marker.txt
