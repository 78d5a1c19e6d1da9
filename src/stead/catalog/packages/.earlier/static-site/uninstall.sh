#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping nginx"
if is_installed nginx; then service stop nginx || true; fi
rm -rf /var/www/stead-site /etc/nginx/sites-enabled/stead-site /etc/nginx/sites-available/stead-site
progress 40 "Removing packages"
remove_packages nginx nginx-common
progress 100 "Done"
