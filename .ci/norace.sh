#!/bin/bash
# Prints the packages that have files which are only built without the race detector:
# allocation gates, and what netpoll's own race build would replace.
set -euo pipefail
cd "$(dirname "$0")/.."
grep -rl --include='*.go' '^//go:build.*!race' \
  --exclude-dir=bin --exclude-dir=build --exclude-dir=peers . | xargs -r dirname | sort -u
