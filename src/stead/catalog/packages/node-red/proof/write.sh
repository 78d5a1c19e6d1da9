#!/bin/bash
set -euo pipefail

# A flow as the editor would deploy it: it answers with the marker.
python3 ask.py "$ADDRESS" POST /flows "{\"flows\": [
    {\"id\": \"aa00000000000001\", \"type\": \"tab\", \"label\": \"proof\"},
    {\"id\": \"aa00000000000002\", \"z\": \"aa00000000000001\", \"type\": \"http in\", \"name\": \"\", \"url\": \"/marker\",
     \"method\": \"get\", \"x\": 100, \"y\": 100, \"wires\": [[\"aa00000000000003\"]]},
    {\"id\": \"aa00000000000003\", \"z\": \"aa00000000000001\", \"type\": \"template\", \"name\": \"\", \"field\": \"payload\",
     \"fieldType\": \"msg\", \"format\": \"text\", \"syntax\": \"plain\", \"template\": \"$MARKER\", \"output\": \"str\",
     \"x\": 200, \"y\": 100, \"wires\": [[\"aa00000000000004\"]]},
    {\"id\": \"aa00000000000004\", \"z\": \"aa00000000000001\", \"type\": \"http response\", \"name\": \"\",
     \"statusCode\": \"\", \"headers\": {}, \"x\": 300, \"y\": 100, \"wires\": []}]}"
