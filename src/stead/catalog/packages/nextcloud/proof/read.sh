#!/bin/bash
set -euo pipefail

python3 proof/dav.py GET
