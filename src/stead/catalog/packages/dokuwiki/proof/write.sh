#!/bin/bash
set -euo pipefail

python3 proof/wiki.py write
