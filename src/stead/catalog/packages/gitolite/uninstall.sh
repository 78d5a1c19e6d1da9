#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping SSH"
if is_installed openssh-server; then service stop ssh || true; fi
progress 40 "Removing packages and repositories"
rm -f /etc/ssh/sshd_config.d/stead-gitolite.conf
remove_packages gitolite3 openssh-server
rm -rf /var/lib/gitolite /var/lib/gitolite3
remove_data openssh-server /etc/ssh /run/sshd
remove_account git
remove_account gitolite3
if ! is_installed openssh-server && getent passwd sshd >/dev/null; then userdel sshd; fi
is_installed openssh-client || remove_account _ssh
progress 100 "Done"
