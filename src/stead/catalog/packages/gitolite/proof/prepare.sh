#!/bin/bash
set -euo pipefail

# A key pair in SSH's own forms, made with nothing but what every system has.
(umask 077 && openssl genrsa -traditional -out "$KEPT/key" 3072 2>/dev/null)
python3 - "$(openssl rsa -in "$KEPT/key" -noout -modulus)" <<'PY'
import base64, struct, sys
def field(data): return struct.pack(">I", len(data)) + data
modulus = bytes.fromhex("00" + sys.argv[1].partition("=")[2])
blob = field(b"ssh-rsa") + field((65537).to_bytes(3, "big")) + field(modulus)
print("admin_key=ssh-rsa " + base64.b64encode(blob).decode() + " proof")
PY
