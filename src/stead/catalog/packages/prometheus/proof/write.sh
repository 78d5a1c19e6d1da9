#!/bin/bash
set -euo pipefail
. ./stead.sh

# A target that shows the marker for a while is how a figure gets in.
folder=$(mktemp -d)
printf 'proof_marker{word="%s"} 1\n' "$MARKER" >"$folder/metrics"
python3 -m http.server --bind 127.0.0.1 --directory "$folder" 9999 >/dev/null 2>&1 &
trap 'kill $!; rm -rf "$folder" /etc/prometheus/targets/proof.json' EXIT
chmod 0755 "$folder"
echo '[{"targets": ["127.0.0.1:9999"]}]' >/etc/prometheus/targets/proof.json
wait_for 60 ./proof/read.sh
