#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping nginx"
if is_installed nginx; then service stop nginx || true; fi
rm -rf /srv/www /etc/nginx/sites-enabled/stead-web /etc/nginx/sites-available/stead-web
progress 40 "Removing packages"
remove_packages nginx nginx-common
rm -f /var/www/html/index.nginx-debian.html
remove_if_empty /var/www/html /var/www
progress 100 "Done"
