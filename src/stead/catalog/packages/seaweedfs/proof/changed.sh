#!/bin/bash
set -euo pipefail

[[ $(python3 s3.py "$ADDRESS" GET /) == *"<Name>$BUCKET</Name>"* ]]
