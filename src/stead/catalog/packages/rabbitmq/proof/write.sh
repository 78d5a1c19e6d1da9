#!/bin/bash
set -euo pipefail

python3 proof/ask.py PUT /queues/%2F/proof '{"durable": true}'
said=$(python3 proof/ask.py POST /exchanges/%2F/amq.default/publish "{\"routing_key\": \"proof\", \"payload\": \"$MARKER\",
    \"payload_encoding\": \"string\", \"properties\": {\"delivery_mode\": 2}}")
[[ $said == *'"routed":true'* ]]
