#!/bin/bash
# Runs without the race detector the tests that are only built so (allocation gates), all of loop
# and client, since netpoll has another poller under the race detector, and the one that starts a
# tenth of its processes under it.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t dirs < <(grep -rl --include='*_test.go' '^//go:build.*!race' \
  --exclude-dir=bin --exclude-dir=build --exclude-dir=peers . | xargs -r dirname | sort -u)
[ ${#dirs[@]} -gt 0 ] || { echo "cannot find a test that needs no race detector" >&2; exit 1; }
${GO:-go} test -timeout 5m ./loop ./client
${GO:-go} test -timeout 5m -run '^TestUpstreamThousandCrashes$' ./server
for dir in "${dirs[@]}"; do
  names=$(grep -l '^//go:build.*!race' "$dir"/*_test.go |
    xargs sed -n 's/^func \(Test[A-Za-z0-9_]*\).*/\1/p' | paste -sd '|')
  ${GO:-go} test -timeout 5m -run "^($names)\$" "$dir"
done
