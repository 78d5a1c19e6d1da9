#!/bin/bash
set -euo pipefail

[[ $(./proof/git.sh bash -c "\$GIT_SSH_COMMAND git@$ADDRESS info") == *"$SITE_INFO"* ]]
