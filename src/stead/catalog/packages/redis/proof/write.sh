#!/bin/bash
set -euo pipefail

[ "$(REDISCLI_AUTH=$PASSWORD redis-cli --no-auth-warning -h "$ADDRESS" SET marker "$MARKER")" = OK ]
