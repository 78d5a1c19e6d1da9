#!/bin/bash
set -euo pipefail

python3 proof/site.py write
