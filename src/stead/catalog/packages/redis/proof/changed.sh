#!/bin/bash
set -euo pipefail

answer=$(REDISCLI_AUTH=$PASSWORD redis-cli --no-auth-warning CONFIG GET appendonly)
[ "$answer" = $'appendonly\nyes' ]
