#!/bin/bash
set -euo pipefail

# git.sh COMMAND...: run a command as a person with the administrator's key.
export GIT_SSH_COMMAND="ssh -i $KEPT/key -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes"
export GIT_AUTHOR_NAME=Proof GIT_AUTHOR_EMAIL=proof@localhost GIT_COMMITTER_NAME=Proof GIT_COMMITTER_EMAIL=proof@localhost
exec "$@"
