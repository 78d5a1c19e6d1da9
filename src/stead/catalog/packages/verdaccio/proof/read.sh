#!/bin/bash
set -euo pipefail

python3 proof/npm.py read
