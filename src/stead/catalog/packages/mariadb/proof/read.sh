#!/bin/bash
set -euo pipefail

[ "$(./proof/client.sh 'SELECT word FROM marker')" = "$MARKER" ]
