#!/bin/bash
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
./proof/git.sh git clone -q --branch master "ssh://git@$ADDRESS/testing" "$folder/testing"
[ "$(cat "$folder/testing/marker")" = "$MARKER" ]
