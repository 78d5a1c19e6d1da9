#!/bin/bash
set -euo pipefail

[ "$(./client.sh sub -W 5 -C 1 -t proof/marker)" = "$MARKER" ]
