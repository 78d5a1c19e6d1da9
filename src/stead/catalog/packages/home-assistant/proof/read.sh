#!/bin/bash
set -euo pipefail

[[ $(python3 ask.py "$ADDRESS" GET /api/config/automation/config/proof) == *"\"alias\":\"$MARKER\""* ]]
