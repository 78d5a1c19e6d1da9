#!/bin/bash
set -euo pipefail

# The page's files are its data: this is how a site grows beyond one page.
printf '%s\n' "$MARKER" >/var/www/stead-site/marker.txt
