#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping Mosquitto"
if is_installed mosquitto; then service stop mosquitto || true; fi
progress 40 "Removing packages"
remove_packages mosquitto mosquitto-clients
remove_data mosquitto /etc/mosquitto /var/lib/mosquitto /var/log/mosquitto /run/mosquitto
is_installed mosquitto || remove_account mosquitto
progress 100 "Done"
