#!/bin/bash
# Fuzzes every target of the repository, one after the other: fuzz.sh TIME
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh TIME}
passed=0 failed=0
while IFS=: read -r file target; do
  echo "== $(dirname "$file") $target"
  if go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 20x \
    "$(dirname "$file")"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
done < <(grep -ro --include='*_test.go' --exclude-dir=build '^func Fuzz[A-Za-z0-9_]*' . |
  sed 's/func //' | sort)
echo "fuzz targets: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
