#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping JupyterLab"
systemctl disable --now --quiet jupyterlab 2>/dev/null || true
rm -rf /etc/systemd/system/jupyterlab.service /opt/jupyterlab /opt/jupyterlab.new /etc/jupyter-stead /var/lib/jupyter
systemctl daemon-reload
remove_account jupyter
progress 50 "Removing packages"
# The second one was needed by the version before.
remove_packages python3-pip-whl python3-venv
progress 100 "Done"
