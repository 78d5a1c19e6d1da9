#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 9100 /metrics) == *node_processes_threads* ]]
