#!/bin/bash
set -euo pipefail

./proof/client.sh "CREATE TABLE marker AS SELECT '$MARKER' AS word"
