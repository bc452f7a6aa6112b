#!/bin/bash
# Fuzzes every target of the repository, one after the other: fuzz.sh TIME
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh TIME}
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz PACKAGE TARGET. Go's fuzzer sometimes reports its own end of time as a failure ("context
# deadline exceeded", golang/go#75804, mended in Go 1.27); a target has failed when it names a
# failing input.
fuzz() {
  go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 20x "$1" 2>&1 | tee "$log" &&
    return
  grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input|panic|hung' "$log"
}

while IFS=: read -r file target; do
  echo "== $(dirname "$file") $target"
  if fuzz "$(dirname "$file")" "$target"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
done < <(grep -ro --include='*_test.go' --exclude-dir=build '^func Fuzz[A-Za-z0-9_]*' . |
  sed 's/func //' | sort)
echo "fuzz targets: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
