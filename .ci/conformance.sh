#!/bin/bash
# Runs the official MCP conformance suite against a server of examples/everything:
#   conformance.sh SERVER
# Both frozen requirement sets and the older line of the suite, against one process. A scenario
# passes when every check of it does and none of them warns.
set -euo pipefail
cd "$(dirname "$0")/.."
server=$(realpath "${1:?usage: conformance.sh SERVER}")
# shellcheck source=.ci/suite.sh
. .ci/suite.sh

start_server() {
  port=$(free_port)
  url=http://127.0.0.1:$port/mcp
  "$server" --http "127.0.0.1:$port" >"$out/server.log" 2>&1 &
  pid=$!
  trap 'kill "$pid" 2>/dev/null || true' EXIT
  await_port "$port" "$pid" "$out/server.log"
}

# run NAME LEAST DIR ARGUMENT...: one run of the suite. At least LEAST scenarios must have passed.
run() {
  local name=$1 least=$2 bin good=0 bad=0 scenario verdict
  bin=$(cd "$3/node_modules/.bin" && pwd)
  shift 3
  PATH=$bin:$PATH conformance server --url "$url" -o "$out/$name" "$@" >"$out/$name.txt" 2>&1 ||
    true # what failed is read from the checks
  while read -r verdict scenario; do
    if [ "$verdict" = ok ]; then
      good=$((good + 1))
    else
      bad=$((bad + 1))
      echo "FAIL $name: $scenario; see $out/$name.txt"
    fi
  done < <(PATH=$bin:$PATH node .ci/verdicts.mjs "$out/$name")
  if [ "$good" -lt "$least" ]; then
    echo "FAIL $name: $good scenarios passed, $least are wanted"
    bad=$((bad + 1))
  fi
  echo "$name: $good scenarios passed, $bad failed"
  passed=$((passed + good))
  failed=$((failed + bad))
}

passed=0 failed=0
out=build/conformance
rm -rf "$out"
mkdir -p "$out"
install "$tools" 0.2.0-alpha.12
install "$tools/older" 0.1.16
start_server
run 2025-11-25 33 "$tools" --requirements 2025-11-25
run 2026-07-28 50 "$tools" --requirements 2026-07-28
run older 32 "$tools/older" --suite all
if ! kill -0 "$pid" 2>/dev/null; then
  echo "the server ended during the run; it said:"
  tail -20 "$out/server.log"
  failed=$((failed + 1))
fi
echo "conformance: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
