#!/bin/bash
set -euo pipefail

printf '%s\n' "$MARKER" >/srv/caddy/marker.txt
