#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 9100 /metrics) == *node_memory_MemTotal_bytes* ]] || fail 2 "the exporter gives no figures"
echo "the exporter gives figures"
