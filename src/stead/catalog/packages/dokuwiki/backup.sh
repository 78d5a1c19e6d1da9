#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
progress 10 "Copying pages and people"
tar -C /var/lib/dokuwiki --exclude='./data/cache/*' --exclude='./data/locks/*' --exclude='./data/tmp/*' \
    -cf "$BACKUP/wiki.tar" ./data ./acl
progress 60 "Copying what was set up in the wiki"
tar -C /etc/dokuwiki --exclude=./local.protected.php -cf "$BACKUP/settings.tar" .
progress 100 "Backed up"
