#!/bin/bash
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
./proof/git.sh git clone -q "ssh://git@$ADDRESS/testing" "$folder/testing"
printf '%s\n' "$MARKER" >"$folder/testing/marker"
git -C "$folder/testing" add marker
./proof/git.sh git -C "$folder/testing" commit -qm "A marker"
./proof/git.sh git -C "$folder/testing" push -q origin HEAD:refs/heads/master
