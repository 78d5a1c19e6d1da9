#!/bin/bash
set -euo pipefail

said=$(python3 ask.py "$ADDRESS" '$JS.API.STREAM.CREATE.proof' '{"name": "proof", "subjects": ["marker"]}' marker "$MARKER")
[[ $said == *'"seq":'* ]]
