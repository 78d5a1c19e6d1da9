#!/bin/bash
set -euo pipefail

[ "$(./proof/client.sh 'SELECT @@max_connections')" = "$MAX_CONNECTIONS" ]
