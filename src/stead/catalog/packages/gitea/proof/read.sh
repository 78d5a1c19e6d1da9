#!/bin/bash
set -euo pipefail

[[ $(python3 ask.py "$ADDRESS" GET "/api/v1/repos/$ADMIN_USER/proof") == *"\"description\":\"$MARKER\""* ]]
