#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(./say.sh version) == VERSION* ]] || fail 2 "memcached does not answer"
echo "memcached answers"
