#!/bin/bash
set -euo pipefail
for _ in $(seq "$TICKS"); do
  echo "tick $(date +%s.%N)"
  sleep 0.2
done
