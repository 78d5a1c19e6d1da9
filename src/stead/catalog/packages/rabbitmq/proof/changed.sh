#!/bin/bash
set -euo pipefail

[ "$(rabbitmqctl -q eval 'vm_memory_monitor:get_memory_limit().')" = "$((MEMORY_MB * 1024 * 1024))" ]
