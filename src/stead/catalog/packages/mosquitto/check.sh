#!/bin/bash
set -euo pipefail
. ./stead.sh

command -v mosquitto_pub >/dev/null || fail 2 "Mosquitto is not installed"
./client.sh pub -q 1 -t stead/check -n || fail 2 "the user cannot send"
if timeout 5 mosquitto_pub -h 127.0.0.1 -t stead/check -n 2>/dev/null; then
    fail 2 "strangers can send"
fi
echo "Mosquitto answers"
