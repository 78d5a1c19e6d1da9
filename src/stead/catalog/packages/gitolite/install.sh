#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly HOME_=/var/lib/gitolite
readonly SSHD=/etc/ssh/sshd_config.d/stead-gitolite.conf

[[ ${ADMIN_KEY:-} =~ ^(ssh-|ecdsa-)[a-z0-9-]+\ [A-Za-z0-9+/]+=* ]] || fail 1 "a public key is needed"
allowed='^[A-Za-z0-9 .,:!_-]*$'
[[ ${SITE_INFO:-} =~ $allowed ]] || fail 1 "the greeting has other characters"

as_git() { runuser -u git -- env HOME=$HOME_ GL_USER=git "$@"; }

# Gitolite takes SSH over: on a machine where people sign in, they would be locked out.
if is_installed openssh-server && [ -z "$(brought openssh-server)" ]; then
    fail 1 "this machine has an SSH server of its own; give Gitolite a machine for itself"
fi

progress 5 "Installing Gitolite"
install_packages gitolite3 openssh-server
# The account of Debian's package is not used: addresses read better with git@.
getent passwd git >/dev/null ||
    useradd --system --user-group --home-dir $HOME_ --no-create-home --shell /bin/sh git
install -d -m 0750 -o git -g git $HOME_

progress 60 "Setting up the repositories"
key=$(mktemp -d)
trap 'rm -rf "$key"' EXIT
printf '%s\n' "$ADMIN_KEY" >"$key/admin.pub"
ssh-keygen -l -f "$key/admin.pub" >/dev/null 2>&1 || fail 1 "this is no public key that SSH understands"
chmod 0755 "$key"
installed=$(cat $HOME_/.gitolite/keydir/admin.pub 2>/dev/null || true)
if [ "$installed" != "$ADMIN_KEY" ]; then
    as_git gitolite setup -pk "$key/admin.pub" || fail 3 "the repositories cannot be set up"
fi
sed -i "s/^ *#* *SITE_INFO .*/    SITE_INFO => '${SITE_INFO:-}',/; s/^ *UMASK .*/    UMASK => 0027,/" $HOME_/.gitolite.rc
as_git gitolite setup || fail 3 "Gitolite refuses its configuration"

progress 80 "Letting in nobody but git, with keys alone"
changed=false
if write_file $SSHD 0644 root:root <<'CONF'; then changed=true; fi
AllowUsers git
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
AllowTcpForwarding no
X11Forwarding no
PermitTunnel no
CONF
install -d -m 0755 /run/sshd
sshd -t || fail 3 "SSH refuses its configuration"
if ! service_runs ssh; then
    service start ssh || fail 3 "SSH does not start"
elif [ $changed = true ]; then
    service reload ssh || fail 3 "SSH does not read its configuration"
fi
wait_for 20 ./check.sh || fail 3 "Gitolite does not answer"
progress 100 "Done"
