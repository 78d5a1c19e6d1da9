#!/bin/bash
set -euo pipefail
. ./proof/image.sh

make_image
[ "$(docker run --rm --network none -v marker:/data proof /bin/cat /data/marker)" = "$MARKER" ]
