#!/bin/bash
set -euo pipefail

said=$(python3 ask.py "$ADDRESS" '$JS.API.STREAM.MSG.GET.proof' '{"last_by_subj": "marker"}')
[[ $said == *"\"data\":\"$(printf %s "$MARKER" | base64 -w 0)\""* ]]
