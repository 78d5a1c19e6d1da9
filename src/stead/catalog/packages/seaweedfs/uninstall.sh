#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping SeaweedFS"
systemctl disable --now --quiet seaweedfs-s3.socket seaweedfs-s3.service seaweedfs.service 2>/dev/null || true
systemctl stop --quiet seaweedfs-s3.service 2>/dev/null || true
rm -f /etc/systemd/system/seaweedfs.service /etc/systemd/system/seaweedfs-s3.socket /etc/systemd/system/seaweedfs-s3.service
rm -rf /opt/seaweedfs /opt/seaweedfs.new /etc/seaweedfs /var/lib/seaweedfs
systemctl daemon-reload
remove_account seaweedfs
progress 50 "Removing packages"
remove_packages python3-pip-whl
progress 100 "Done"
