#!/bin/bash
set -euo pipefail

said=$(python3 proof/ask.py POST /queues/%2F/proof/get '{"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}')
[[ $said == *"\"payload\":\"$MARKER\""* ]]
