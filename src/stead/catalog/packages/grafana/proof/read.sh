#!/bin/bash
set -euo pipefail

[[ $(python3 ask.py "$ADDRESS" GET /api/folders/proof) == *"\"title\":\"$MARKER\""* ]]
