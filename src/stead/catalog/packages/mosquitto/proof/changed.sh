#!/bin/bash
set -euo pipefail

# A message above the limit is never kept.
./client.sh pub -r -n -t proof/size
head -c "$((MAX_MESSAGE_KB * 1024 + 100))" /dev/zero | tr '\0' x >/tmp/proof-message
./client.sh pub -q 1 -r -t proof/size -f /tmp/proof-message || true
rm /tmp/proof-message
kept=$(./client.sh sub -W 2 -C 1 -t proof/size || true)
./client.sh pub -r -n -t proof/size
[ -z "$kept" ]
