#!/bin/bash
set -euo pipefail

[[ $(python3 ask.py "$ADDRESS" GET /api/org) == *"\"name\":\"$ORG_NAME\""* ]]
