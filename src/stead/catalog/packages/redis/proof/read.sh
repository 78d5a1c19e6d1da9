#!/bin/bash
set -euo pipefail

[ "$(REDISCLI_AUTH=$PASSWORD redis-cli --no-auth-warning -h "$ADDRESS" GET marker)" = "$MARKER" ]
