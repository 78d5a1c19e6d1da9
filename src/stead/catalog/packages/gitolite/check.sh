#!/bin/bash
set -euo pipefail
. ./stead.sh

banner=$(timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/22; head -n 1 <&3' 2>/dev/null) || true
[[ $banner == SSH-2.0-* ]] || fail 2 "SSH does not answer"
[ -e /var/lib/gitolite/repositories/gitolite-admin.git/HEAD ] || fail 2 "there is no administration"
grep -q 'gitolite-shell admin' /var/lib/gitolite/.ssh/authorized_keys 2>/dev/null ||
    fail 2 "the administrator has no key"
echo "Gitolite answers"
