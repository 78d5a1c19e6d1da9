#!/bin/bash
set -euo pipefail
. ./stead.sh

command -v docker >/dev/null || fail 2 "Docker is not installed"
# Asking through the socket would start a Docker that somebody stopped.
service_runs docker || fail 2 "Docker does not run"
timeout 10 docker info >/dev/null 2>&1 || fail 2 "Docker does not answer"
echo "Docker answers"
