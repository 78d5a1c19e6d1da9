#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly FILE=/etc/caddy/Caddyfile
readonly DROP_IN=/etc/systemd/system/caddy.service.d/stead.conf

[[ ${MAX_BODY_MB:-} =~ ^[0-9]+$ ]] || fail 1 "the largest upload is a number of MiB"
[[ ${CACHE_SECONDS:-60} =~ ^[0-9]+$ ]] || fail 1 "the time to keep files is a number of seconds"
if [ "${LISTING:-false}" = true ]; then browse=browse; else browse=; fi

handler() {
    if [ "${MODE:-files}" = proxy ]; then
        [[ ${UPSTREAM:-} =~ ^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$ ]] ||
            fail 1 "the server behind it is an address such as http://10.0.0.5:8080"
        # Visitors come through the edge, which says who they are.
        cat <<CONF
		reverse_proxy $UPSTREAM {
			trusted_proxies private_ranges
		}
CONF
    else
        cat <<CONF
		root * /srv/caddy
		encode zstd gzip
		header Cache-Control "max-age=${CACHE_SECONDS:-60}"
		file_server $browse
CONF
    fi
}

settings() {
    cat <<CONF
{
	admin unix//run/caddy/admin.sock
	auto_https off
	servers {
		metrics
	}
}

:80 {
	header X-Content-Type-Options nosniff
	header -Server
	request_body {
		max_size ${MAX_BODY_MB}MiB
	}
	@hidden {
		path */.*
		not path /.well-known/*
	}
	handle /stead-health {
		respond "ok"
	}
	handle @hidden {
		respond 404
	}
	handle {
$(handler)
	}
}

:9180 {
	metrics /metrics
}
CONF
}

unit() {
    cat <<'CONF'
[Service]
RuntimeDirectory=caddy
RuntimeDirectoryMode=0700
NoNewPrivileges=yes
ProtectHome=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
CONF
}

progress 10 "Installing Caddy"
install_packages caddy

progress 80 "Writing the configuration"
install -d -m 0755 /srv/caddy "$(dirname "$DROP_IN")"
if [ -z "$(ls -A /srv/caddy)" ]; then
    write_file /srv/caddy/index.html 0644 root:root <index.html || true
fi
text=$(settings)
write_file "$FILE" 0644 root:root <<<"$text" || true
restart=false
if unit | write_file "$DROP_IN" 0644 root:root; then restart=true; fi
said=$(HOME=/tmp caddy validate --adapter caddyfile --config "$FILE" 2>&1) || fail 3 "Caddy refuses its configuration: $said"

progress 90 "Starting Caddy"
if [ $restart = true ] || ! service_runs caddy; then
    service restart caddy || fail 3 "Caddy does not start"
else
    service reload caddy || fail 3 "Caddy does not read its configuration again"
fi
wait_for 20 ./check.sh || fail 3 "Caddy does not answer"
progress 100 "Done"
