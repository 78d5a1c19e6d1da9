#!/bin/bash
set -euo pipefail
[[ $CHECK_PASSES == true ]] || { echo "told to fail" >&2; exit 1; }
for _ in $(seq 50); do
  if python3 -c 'import urllib.request as u; u.urlopen("http://127.0.0.1/", timeout=2)' 2>/dev/null; then
    exit 0
  fi
  sleep 0.1
done
exit 2
