#!/bin/bash
set -euo pipefail

[ "$(./proof/client.sh 'SHOW max_connections')" = "$MAX_CONNECTIONS" ]
