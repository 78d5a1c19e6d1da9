#!/bin/bash
set -euo pipefail

[[ $(./proof/ask.sh GET /rest/config/folders) == *"\"label\": \"$MARKER\""* ]]
[ "$(cat /var/lib/syncthing/proof/file)" = "$MARKER" ]
