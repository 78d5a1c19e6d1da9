#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly SITE=/etc/nginx/sites-available/stead-web

[[ ${MAX_BODY_MB:-} =~ ^[0-9]+$ ]] || fail 1 "the largest upload is a number of MiB"
if [ "${LISTING:-false}" = true ]; then listing=on; else listing=off; fi

location() {
    if [ "${MODE:-files}" = proxy ]; then
        [[ ${UPSTREAM:-} =~ ^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$ ]] ||
            fail 1 "the server behind it is an address such as http://10.0.0.5:8080"
        # Visitors come through the edge, which says who they are.
        cat <<CONF
        proxy_pass $UPSTREAM;
        proxy_http_version 1.1;
        proxy_set_header Host \$host;
        proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto \$http_x_forwarded_proto;
        proxy_set_header Upgrade \$http_upgrade;
        proxy_set_header Connection \$stead_connection;
        proxy_connect_timeout 5s;
CONF
    else
        cat <<CONF
        root /srv/www;
        index index.html;
        autoindex $listing;
        try_files \$uri \$uri/ =404;
CONF
    fi
}

site() {
    cat <<CONF
map \$http_upgrade \$stead_connection {
    default upgrade;
    '' '';
}
server {
    listen 80 default_server;
    listen [::]:80 default_server;
    server_name _;
    server_tokens off;
    client_max_body_size ${MAX_BODY_MB}m;
    add_header X-Content-Type-Options nosniff always;

    location = /stead-health {
        access_log off;
        default_type text/plain;
        return 200 "ok\n";
    }
    location ~ /\.(?!well-known/) {
        return 404;
    }
    location / {
$(location)
    }
}
CONF
}

progress 10 "Installing nginx"
install_packages nginx

progress 80 "Writing the configuration"
install -d -m 0755 /srv/www
if [ -z "$(ls -A /srv/www)" ]; then
    write_file /srv/www/index.html 0644 root:root <index.html || true
fi
text=$(site)
write_file "$SITE" 0644 root:root <<<"$text" || true
ln -sfn "$SITE" /etc/nginx/sites-enabled/stead-web
rm -f /etc/nginx/sites-enabled/default
nginx -q -t || fail 3 "nginx refuses its configuration"

progress 90 "Starting nginx"
if service_runs nginx; then service reload nginx; else service start nginx; fi ||
    fail 3 "nginx does not start"
wait_for 10 ./check.sh || fail 3 "nginx does not answer"
progress 100 "Done"
