#!/bin/bash
# Real MCP clients against one server of examples/everything, both eras at once on one URL: the
# Inspector's command line, the experimental tasks of the TypeScript SDK v1, and the drivers of both
# TypeScript SDKs where ../shared lies beside the checkout (elsewhere they are left out, and it says
# so). The other way round, mcploop's own client calls the TypeScript SDK's server over HTTP+SSE,
# and Node's WebSocket server; and mcploop serve, with a client's file, puts them all behind itself.
# At last every client uses everything of every server through the gateway (sweep.sh).
#   interop.sh SERVER
set -euo pipefail
cd "$(dirname "$0")/.."
server=$(realpath "${1:?usage: interop.sh SERVER}")
tools=${INTEROP_TOOLS:-build/interop-tools}
drivers=../shared/conformance root=$PWD
passed=0 failed=0

if [ ! -x "$tools/node_modules/.bin/mcp-inspector" ] ||
  [ ! -x "$tools/node_modules/.bin/mcp-server-everything" ] ||
  [ ! -d "$tools/node_modules/@modelcontextprotocol/node" ]; then
  echo "installing the clients in $tools (once)"
  mkdir -p "$tools"
  [ -f "$tools/package.json" ] || echo '{"private": true, "type": "module"}' >"$tools/package.json"
  npm install --prefix "$tools" --ignore-scripts --no-audit --no-fund --loglevel=error \
    "node-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')@22" \
    @modelcontextprotocol/sdk@1.32.2 @modelcontextprotocol/client@2.4.0 \
    @modelcontextprotocol/inspector@2.12.0 @modelcontextprotocol/server-everything@2026.8.31 \
    @modelcontextprotocol/server@2.4.0 @modelcontextprotocol/node@2.1.2 zod@4.6.7 ws@8.23.0
fi
tools=$(realpath "$tools")
export PATH=$tools/node_modules/.bin:$PATH MCP_CATALOG_PATH=$tools/catalog.json

out=$(mktemp -d)
free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => {
    console.log(s.address().port); s.close() })'
}
# serves PORT: waits until something listens there.
serves() {
  for _ in $(seq 150); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    sleep 0.1
  done
}
port=$(free_port)
url=http://127.0.0.1:$port/mcp
"$server" --http "127.0.0.1:$port" >"$out/server.log" 2>&1 &
pids=$!
trap 'kill $pids 2>/dev/null || true; rm -rf "$out"' EXIT
serves "$port"

# check NAME TEXT COMMAND...: the command's output must have every line of TEXT, and no FAIL.
check() {
  local name=$1 text=$2 missing='' line
  shift 2
  timeout 120 "$@" >"$out/log" 2>&1 || missing=" [exit $?]"
  while read -r line; do
    grep -qF -- "$line" "$out/log" || missing="$missing [$line]"
  done <<<"$text"
  if [ -z "$missing" ] && ! grep -q '^FAIL' "$out/log"; then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    failed=$((failed + 1))
    echo "FAILED  $name, missing$missing"
    tail -n 20 "$out/log"
  fi
}

simple='This is a simple text response for testing.'
inspector() { mcp-inspector --cli "$@" --format json -q; }
export -f inspector
for era in legacy modern auto; do
  via="--server-url $url --transport http --protocol-era $era"
  check "inspector $era list" test_simple_text bash -c "inspector $via --method tools/list"
  check "inspector $era call" "$simple" \
    bash -c "inspector $via --method tools/call --tool-name test_simple_text"
  check "inspector $era resource" 'This is the content of the static text resource.' \
    bash -c "inspector $via --method resources/read --uri test://static-text"
  check "inspector $era prompt" "arg1='a', arg2='b'" bash -c "inspector $via \
    --method prompts/get --prompt-name test_prompt_with_arguments --prompt-args arg1=a arg2=b"
done
check "inspector stdio call" "$simple" bash -c \
  "mcp-inspector --cli --method tools/call --tool-name test_simple_text --format json -q -- $server"

sdk_port=$(free_port) ws_port=$(free_port)
PORT=$sdk_port mcp-server-everything sse >"$out/sdk.log" 2>&1 &
pids="$pids $!"
NODE_PATH=$tools/node_modules node .ci/ws-server.cjs "$ws_port" >"$out/ws.log" 2>&1 &
pids="$pids $!"
serves "$sdk_port"
serves "$ws_port"
client=$(dirname "$server")/mcploop
for via in "http://127.0.0.1:$sdk_port/sse" "sse://127.0.0.1:$sdk_port/sse"; do
  check "client ${via%%:*} sdk list" get-sum "$client" tools ls "$via"
  check "client ${via%%:*} sdk call" 'The sum of 2 and 5 is 7.' \
    "$client" tools call get-sum "$via" --arg a=2 --arg b=5
  check "client ${via%%:*} sdk progress" $'progress 3/3\nLong running operation completed' \
    "$client" tools call trigger-long-running-operation "$via" --arg duration=1 --arg steps=3
done
check 'client ws node list' echo "$client" tools ls "ws://127.0.0.1:$ws_port/mcp"
check 'client ws node call' hello \
  "$client" tools call echo "ws://127.0.0.1:$ws_port/mcp" --arg message=hello

# Over TLS: Node's, and OpenSSL's, which changes its keys in the middle.
tls_port=$(free_port) ts_port=$(free_port) ssl_port=$(free_port)
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout "$out/key.pem" -out "$out/cert.pem" \
  -subj /CN=localhost -addext 'subjectAltName=DNS:localhost' 2>"$out/openssl.log"
PORT=$ts_port mcp-server-everything streamableHttp >"$out/ts.log" 2>&1 &
pids="$pids $!"
NODE_PATH=$tools/node_modules node .ci/ws-server.cjs "$tls_port" "$out" "$ts_port" \
  >"$out/tls.log" 2>&1 &
pids="$pids $!"
serves "$ts_port"
serves "$tls_port"
trusting=(env SSL_CERT_FILE="$out/cert.pem" "$client")
check 'client https node call' 'The sum of 2 and 5 is 7.' "${trusting[@]}" \
  tools call get-sum "https://localhost:$tls_port/mcp" --arg a=2 --arg b=5
check 'client wss node list' echo "${trusting[@]}" tools ls "wss://localhost:$tls_port/mcp"
check 'client https node untrusted' 'tls.ca_file' \
  bash -c "! $client tools ls https://localhost:$tls_port/mcp"
keys() {
  local line id result
  coproc SSL { openssl s_server -accept "127.0.0.1:$ssl_port" -cert "$out/cert.pem" \
    -key "$out/key.pem" -tls1_3 2>&1; }
  while read -r line; do
    id=$(sed -n 's/.*"id":\([0-9]*\),.*/\1/p' <<<"$line")
    case $line in
      *'"method":"initialize"'*)
        result='{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{
          "name":"openssl","version":"1"}}' ;;
      *'"method":"tools/list"'*)
        result='{"tools":[{"name":"after_key_updates","inputSchema":{"type":"object"}}]}' ;;
      *) continue ;;
    esac
    for _ in 1 2 3; do
      echo K # asks for new keys of both sides
      sleep 0.2
    done >&"${SSL[1]}"
    tr -d '\n' <<<'{"jsonrpc":"2.0","id":'"$id"',"result":'"$result}" >&"${SSL[1]}"
    echo >&"${SSL[1]}"
  done <&"${SSL[0]}"
}
keys >"$out/openssl.log" 2>&1 &
pids="$pids $!"
serves "$ssl_port"
check 'client tls openssl key update' after_key_updates \
  "${trusting[@]}" tools ls "tls://localhost:$ssl_port" --era legacy

# The gateway: every server above, and go-sdk's where it was built, from a client's file.
gw_port=$(free_port)
gosdk=$(dirname "$server")/peers names='ours ours-http ts-stdio ts-sse ts-http ts-https ws wss'
entries=
if [ -x "$gosdk" ]; then
  go_port=$(free_port) go_stateless_port=$(free_port) names="$names go-stdio go-http go-stateless"
  "$gosdk" gosdk -addr "127.0.0.1:$go_port" >"$out/go.log" 2>&1 &
  pids="$pids $!"
  "$gosdk" gosdk -stateless -addr "127.0.0.1:$go_stateless_port" >"$out/go2.log" 2>&1 &
  pids="$pids $!"
  entries=', "go-stdio": {"command": "'$gosdk'", "args": ["gosdk", "-stdio"]},
    "go-http": {"type": "http", "url": "http://127.0.0.1:'$go_port'/mcp"},
    "go-stateless": {"type": "http", "url": "http://127.0.0.1:'$go_stateless_port'/mcp"}'
fi
v2=bench/peers/ts/v2.mjs # on the TypeScript SDK v2, where make peers-ts has installed it
if [ -d bench/peers/ts/node_modules ]; then
  v2_port=$(free_port) names="$names v2-stdio v2-http"
  node "$v2" http "127.0.0.1:$v2_port" >"$out/v2.log" 2>&1 &
  pids="$pids $!"
  entries="$entries"', "v2-stdio": {"command": "node", "args": ["'$v2'", "stdio"]},
    "v2-http": {"type": "http", "url": "http://127.0.0.1:'$v2_port'/mcp"}'
fi
cat >"$out/claude.json" <<END
{"mcpServers": { // as Claude, Cursor and VS Code write it
    "ours": {"command": "$server", "args": ["-stdio"]},
    "ours-http": {"type": "http", "url": "$url"},
    "ts-stdio": {"command": "mcp-server-everything", "args": ["stdio"]},
    "ts-sse": {"type": "sse", "url": "http://127.0.0.1:$sdk_port/sse"},
    "ts-http": {"type": "streamable-http", "url": "http://127.0.0.1:$ts_port/mcp"},
    "ts-https": {"type": "http", "url": "https://localhost:$tls_port/mcp"},
    "ws": {"url": "ws://127.0.0.1:$ws_port/mcp"},
    "wss": {"url": "wss://localhost:$tls_port/mcp"}$entries
}}
END
"${trusting[@]}" serve -c "$out/claude.json" --http "127.0.0.1:$gw_port" >"$out/gateway.log" 2>&1 &
pids="$pids $!"
serves "$gw_port"
gw=http://127.0.0.1:$gw_port/mcp
tool_of() { case $1 in ours*) echo "$1__test_simple_text" ;; *) echo "$1__echo" ;; esac; }
for _ in $(seq 100); do
  "$client" tools ls "$gw" >"$out/tools" 2>&1 || true
  missing=
  for name in $names; do
    grep -q "^$(tool_of "$name")" "$out/tools" || missing="$missing $name"
  done
  [ -n "$missing" ] || break
  sleep 0.1
done
for name in $names; do
  for era in legacy modern; do
    said=hello args='--tool-arg message=hello'
    case $name in ours*) said=$simple args= ;; esac
    check "gateway $era onto $name" "$said" bash -c "inspector --server-url $gw --transport http \
      --protocol-era $era --method tools/call --tool-name $(tool_of "$name") $args"
  done
done
for era in legacy modern; do
  via="--server-url $gw --transport http --protocol-era $era"
  check "gateway $era resource" 'Everything Server' bash -c \
    "inspector $via --method resources/read --uri demo://resource/static/document/architecture.md"
  check "gateway $era template" 'Resource 1' bash -c \
    "inspector $via --method resources/read --uri demo://resource/dynamic/text/1"
  check "gateway $era prompt" 'This is a simple prompt without arguments.' bash -c \
    "inspector $via --method prompts/get --prompt-name ts-http__simple-prompt"
done

# steps NAME...: the lines that a driver prints for these steps.
steps() { printf 'ok   %s\n' "$@"; }

experimental=$(steps 'tasks are declared' 'task stream' 'task get, result, list' 'task input' \
  'task cancel' 'task failed' 'task required' 'task status' 'task isolation')
cp .ci/tasks-v1.mjs "$tools"/
check "sdk v1 tasks http" "$experimental" node "$tools/tasks-v1.mjs" http "$url"
check "sdk v1 tasks stdio" "$experimental" node "$tools/tasks-v1.mjs" stdio "$server"

legacy=$(steps connect ping tools/list tools/call progress logging sampling elicitation \
  resources/read templates prompts/get complete subscribe+updated cancel)
either=$(steps connect tools/list tools/call progress x-mcp-header resources/read prompts/get \
  cancel)
modern=$either$'\n'$(steps 'MRTR elicitation' 'MRTR sampling' 'MRTR list_roots' \
  'MRTR request_state' 'MRTR multiple_inputs' 'MRTR multi_round' 'MRTR capabilities' \
  'MRTR prompt' listen 'missing capability')
if [ -f "$drivers/v2.mjs" ]; then
  cp "$drivers"/v1.mjs "$drivers"/v2.mjs "$tools"/
  cd "$tools"
  check "sdk v1 http" "$legacy"$'\n'"$(steps 'DELETE session')" node v1.mjs http "$url"
  check "sdk v1 stdio" "$legacy" node v1.mjs stdio "$server"
  check "sdk v1 sse" "$legacy" node v1.mjs sse "${url%/mcp}/sse"
  check "sdk v1 ws" "$legacy" node v1.mjs ws "ws${url#http}"
  for mode in auto legacy 2026-07-28; do
    wanted=$modern
    [ $mode != legacy ] || wanted=$either
    check "sdk v2 $mode http" "$wanted" env MODE="$mode" node v2.mjs http "$url"
    check "sdk v2 $mode stdio" "$wanted" env MODE="$mode" node v2.mjs stdio "$server"
  done
  # Through the gateway, where each upstream alone has its own names: every pairing of eras.
  cat >"$out/eras.yaml" <<END
upstreams:
  modern: {url: "$url", era: modern}
  legacy: {command: ["$server", "-stdio"], era: legacy, share: session} # they cancel calls
END
  eras_port=$(free_port)
  "$client" serve -c "$out/eras.yaml" --http "127.0.0.1:$eras_port" >"$out/eras.log" 2>&1 &
  pids="$pids $!"
  serves "$eras_port"
  for era in modern legacy; do
    onto=http://127.0.0.1:$eras_port/mcp/$era
    for _ in $(seq 100); do
      ! "$client" tools ls "$onto" 2>&1 | grep -q test_simple_text || break
      sleep 0.1
    done
    check "sdk v1 http through the gateway onto $era" "$legacy" node v1.mjs http "$onto"
    check "sdk v2 2026-07-28 http through the gateway onto $era" "$modern" \
      env MODE=2026-07-28 node v2.mjs http "$onto"
  done
  check "all at once" "$modern" bash -c "for mode in auto legacy 2026-07-28; do
      MODE=\$mode node v2.mjs http $url & done
    node v1.mjs http $url & node v1.mjs http $url & wait"
else
  echo "left out: the SDKs' drivers are not beside this checkout ($drivers)"
fi
cd "$root"
if [ -x "$(dirname "$server")/gosdk-everything" ]; then
  .ci/sweep.sh "$(dirname "$server")" "$tools" "$out" >"$out/sweep.out" 2>&1 || true # see below
  cat "$out/sweep.out"
  passed=$((passed + $(grep -c '^ok ' "$out/sweep.out" || true)))
  failed=$((failed + $(grep -c '^FAIL ' "$out/sweep.out" || true)))
  if ! grep -q '^sweep: ' "$out/sweep.out"; then
    failed=$((failed + 1))
  elif grep -q '^FAIL ' "$out/sweep.out"; then
    grep -A 2 '^  differs' "$out/sweep.txt" | cut -c 1-1000 | head -n 60
  fi
else
  echo "left out: the sweep, without gosdk-everything beside the server (make interop builds it)"
fi
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
