#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup jupyter.tar
tar -tf "$BACKUP/jupyter.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping JupyterLab"
service stop jupyterlab || fail 3 "JupyterLab does not stop"
progress 30 "Copying"
find /var/lib/jupyter -mindepth 1 -delete
tar -C /var/lib/jupyter -xf "$BACKUP/jupyter.tar"
chown -R jupyter:jupyter /var/lib/jupyter
progress 60 "Starting JupyterLab"
service start jupyterlab || fail 3 "JupyterLab does not start"
wait_for 90 ./check.sh || fail 3 "JupyterLab does not answer"
progress 100 "Restored"
