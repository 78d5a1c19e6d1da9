#!/bin/bash
set -euo pipefail

./client.sh pub -q 1 -r -t proof/marker -m "$MARKER"
