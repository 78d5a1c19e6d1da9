#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping containers"
systemctl disable --now --quiet nginx-proxy-manager 2>/dev/null || true
rm -rf /etc/systemd/system/nginx-proxy-manager.service /etc/nginx-proxy-manager /var/lib/nginx-proxy-manager
systemctl daemon-reload
# A Docker that was here before keeps its containers and runs on.
if [ -n "$(brought docker.io)" ] && timeout 20 docker info >/dev/null 2>&1; then
    docker ps -aq | xargs -r docker rm -f >/dev/null
    docker network prune -f >/dev/null || true
fi
if [ -n "$(brought docker.io)" ] && is_installed docker.io; then
    service stop docker.socket || true
    service stop docker || true
fi
if [ -n "$(brought containerd)" ] && is_installed containerd; then service stop containerd || true; fi
[ -z "$(brought docker.io)" ] || ip link delete docker0 2>/dev/null || true
progress 40 "Removing packages and data"
# Subvolumes of btrfs cannot be removed like folders.
if [ -n "$(brought docker.io)" ] && command -v btrfs >/dev/null; then
    find /var/lib/docker/btrfs/subvolumes -mindepth 1 -maxdepth 1 -exec btrfs subvolume delete {} + 2>/dev/null || true
fi
remove_packages docker.io containerd runc iptables
remove_data docker.io /etc/docker /var/lib/docker /var/lib/containerd /etc/containerd /opt/containerd /run/docker /run/docker.sock
is_installed docker.io || remove_account docker
remove_if_empty /etc/cni/net.d /etc/cni
progress 100 "Done"
