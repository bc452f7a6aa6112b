#!/bin/bash
# Every scenario that "mcploop bench" lists, small, against our server and against foreign ones:
# the go-sdk over HTTP and, where its tools are installed, the reference server server-everything
# (over HTTP, and over stdio what can be run over one connection). Each run must end by itself with
# exit code 0 and write a result that "bench compare" can read and finds measures in.
#   scenarios.sh BINARIES
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:?usage: scenarios.sh BINARIES}")
bench=("$bin/mcploop" bench)
tools=${INTEROP_TOOLS:-build/interop-tools}
everything=$tools/node_modules/.bin/mcp-server-everything

out=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null || true; wait; rm -rf "$out"' EXIT

# free_port: a port that nobody listens on, a different one each time.
port=$((20000 + $$ % 10000))
free_port() {
  port=$((port + 1))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
}
# start COMMAND...: a server that listens on $port.
start() {
  "$@" >"$out/server.log" 2>&1 &
  pids="$pids $!"
  for _ in $(seq 150); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    sleep 0.1
  done
  echo "cannot reach $1 on port $port; it said:" >&2
  cat "$out/server.log" >&2
  exit 1
}

# small SCENARIO: the flags that make it end within a second or so. A scenario without a row here
# fails, so that each new one gets one.
small() {
  case $1 in
    closed | payload | mcp_tool_sequence | churn) echo --connections 8 ;;
    open | burst | mixed | mcp_mixed_workload) echo --connections 8 --rate 400 --burst 4 ;;
    tcp_burst_* | tcp_sustained_* | http_sustained_*) echo --connections 8 --rate 200 --burst 4 ;;
    ramp) echo --connections 20 --rate 200 ;;
    ladder) echo --bound 1us ;; # so that the first rung is the last
    overload) echo --connections 8 --depth 16 ;;
    soak | slow) echo --connections 8 --rate 200 ;;
    idle | listen) echo --connections 8 --depth 4 ;;
    neighbours) echo --connections 8 --rate 200 --parts 2 ;;
    lists) echo --rate 12 ;;
    *) return 1 ;;
  esac
}

# alone SCENARIO: it can be run over one connection, which is all that stdio has.
alone() {
  case $1 in
    churn | ramp | ladder | idle | listen | slow | mcp_tool_sequence) return 1 ;;
  esac
}

passed=0 failed=0 table=
# try SCENARIO NAME SERVER...: one run; SERVER is what bench is told of it.
try() {
  local scenario=$1 name=$2 words flags=() result=passed why=
  shift 2
  local begin=$EPOCHREALTIME
  if words=$(small "$scenario"); then read -ra flags <<<"$words"; fi
  if [ ${#flags[@]} = 0 ]; then
    why='it has no row in .ci/scenarios.sh'
  elif ! timeout 20 "${bench[@]}" "$scenario" --duration 200ms --warmup 50ms "${flags[@]}" \
    --json "$out/result.json" "$@" </dev/null >"$out/log" 2>&1; then
    why="it failed: $(tail -n 3 "$out/log")"
  elif ! "${bench[@]}" compare "$out/result.json" "$out/result.json" >"$out/log" 2>&1; then
    why="its result cannot be compared: $(tail -n 3 "$out/log")"
  fi
  rm -f "$out/result.json"
  if [ -z "$why" ]; then passed=$((passed + 1)); else
    result=FAILED
    failed=$((failed + 1))
  fi
  local ms=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
  table+=$(printf '%-26s %-22s %-7s %5d ms %s' "$scenario" "$name" "$result" "$ms" "$why")$'\n'
}

mapfile -t scenarios < <("${bench[@]}" 2>&1 |
  sed -n '/^scenarios:/,/^$/s/^  \([a-z0-9_]*\) .*/\1/p')
[ ${#scenarios[@]} -ge 10 ] || { echo "cannot read the scenarios that bench lists" >&2; exit 1; }

free_port
start "$bin/mcploop" serve --tcp "127.0.0.1:$port"
tcp=127.0.0.1:$port
free_port
start "$bin/mcploop" serve --http "127.0.0.1:$port"
http=127.0.0.1:$port
free_port
start "$bin/peers" gosdk -addr "127.0.0.1:$port"
gosdk=http://127.0.0.1:$port/mcp

# Two scenarios are about a gateway, which is started with each.
free_port
behind=$port
port=$((port + 3)) # a gateway and its three upstreams
free_port
gateway=(--url "http://127.0.0.1:$port/mcp" --era legacy --tool 'u{part}__echo_0')
here=("$(dirname "$0")/../bench/gateway.sh" 3 4 --http "127.0.0.1:$port")
export UPSTREAM_PORT=$behind
try neighbours 'ours' "${gateway[@]}" --trigger u02__echo_0 \
  --control "http://127.0.0.1:$((behind + 2))/be/" -- "${here[@]}"
try lists 'ours' "${gateway[@]}" --control "http://127.0.0.1:$behind/listed" -- "${here[@]}"
for scenario in "${scenarios[@]}"; do
  case $scenario in
    lists | neighbours) continue ;;
    http_*) try "$scenario" 'ours http' --url "http://$http/mcp" ;;
    *) try "$scenario" 'ours tcp' --tcp "$tcp" ;;
  esac
  try "$scenario" 'go-sdk http' --url "$gosdk"
done
# The other doors and servers: what can be said over one connection, and over each.
for scenario in closed open; do
  try "$scenario" 'ours http' --url "http://$http/mcp"
  try "$scenario" 'ours http legacy' --url "http://$http/mcp" --era legacy
  try "$scenario" 'ours ws' --ws "ws://$http/mcp"
  try "$scenario" 'ours stdio' -- "$bin/mcploop" serve --stdio
  try "$scenario" 'go-sdk stdio' -- "$bin/peers" gosdk -stdio
  try "$scenario" 'mcp-go stdio' -- "$bin/peers" mcpgo -stdio
done
if [ -x "$everything" ]; then
  PATH=$(realpath "$tools")/node_modules/.bin:$PATH
  free_port
  PORT=$port start "$everything" streamableHttp
  for scenario in "${scenarios[@]}"; do
    case $scenario in lists | neighbours) continue ;; esac
    try "$scenario" 'server-everything http' --url "http://127.0.0.1:$port/mcp" --era legacy
    alone "$scenario" || continue
    try "$scenario" 'server-everything stdio' --era legacy -- "$everything" stdio
  done
else
  echo "left out: server-everything is not installed in $tools (make interop installs it)"
fi
printf '%s\n%d passed, %d failed\n' "$table" "$passed" "$failed"
[ "$failed" = 0 ]
