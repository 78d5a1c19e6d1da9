#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly SYSTEMD=/etc/systemd/system

progress 10 "Stopping RabbitMQ"
if is_installed rabbitmq-server; then service stop rabbitmq-server || true; fi
if [ -n "$(brought erlang-base)" ]; then systemctl stop epmd.service epmd.socket 2>/dev/null || true; fi
rm -rf $SYSTEMD/epmd.socket.d $SYSTEMD/rabbitmq-server.service.d
progress 40 "Removing packages and data"
mapfile -t packages < <(brought rabbitmq-server 'erlang-*' socat logrotate procps)
remove_packages rabbitmq-server "${packages[@]}"
remove_data rabbitmq-server /etc/rabbitmq /var/lib/rabbitmq /var/log/rabbitmq /run/rabbitmq
is_installed rabbitmq-server || remove_account rabbitmq
is_installed erlang-base || remove_account epmd
if has_systemd; then systemctl daemon-reload; fi
progress 100 "Done"
