#!/bin/bash
set -euo pipefail
. ./stead.sh

shows_marker() { [[ $(http_get 1880 /marker) == *" 200 "*"$MARKER" ]]; }
# Flows begin a moment after the page answers.
wait_for 15 shows_marker
