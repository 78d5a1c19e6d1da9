#!/bin/bash
set -euo pipefail

[[ $(./say.sh "stats settings") == *"STAT maxbytes $((MEMORY_MB * 1024 * 1024))"* ]]
