#!/bin/bash
set -euo pipefail
systemctl disable --now quick.service || true
rm -rf /srv/quick /etc/systemd/system/quick.service
