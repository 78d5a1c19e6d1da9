#!/bin/bash
set -euo pipefail
systemctl disable --now patient.service || true
rm -rf /srv/patient /etc/systemd/system/patient.service
