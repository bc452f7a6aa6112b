#!/bin/bash
# Every tool, resource, template and prompt of real servers, through mcploop serve, by every client:
# the TypeScript SDK v1, v2 and the Inspector, in both eras. What comes through the gateway must be
# what comes without it.
#   sweep.sh BIN TOOLS OUT
# BIN holds mcploop, everything, and gosdk-everything; TOOLS the installed clients and servers. What
# came is in OUT/sweep.txt. SWEEP_UPSTREAMS and SWEEP_CLIENTS (regular expressions) choose some.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:?usage: sweep.sh BIN TOOLS OUT}") tools=$(realpath "$2") out=$(realpath "$3")
export PATH=$tools/node_modules/.bin:$PATH MCP_CATALOG_PATH=$out/catalog.json
here=$tools/sweep
mkdir -p "$here"
cp .ci/sweep/*.mjs "$here"
ln -sfn ../node_modules "$here/node_modules"

pids=()
stop() { kill "${pids[@]}" 2>/dev/null || true; }
trap stop EXIT
mapfile -t ports < <(node -e '
  const all = Array.from({ length: 9 }, () => require("net").createServer());
  Promise.all(all.map((s) => new Promise((up) => s.listen(0, "127.0.0.1", up)))).then(() => {
    for (const s of all) { console.log(s.address().port); s.close(); } });')
ours=${ports[0]} sse=${ports[1]} ts=${ports[2]} v2=${ports[3]} stateful=${ports[4]}
stateless=${ports[5]} rest=${ports[6]} gate=${ports[7]} other=${ports[8]}

# serve NAME PORT COMMAND...: a server of the background.
serve() {
  local name=$1 port=$2
  shift 2
  "$@" >"$out/sweep-$name.log" 2>&1 &
  pids+=($!)
  for _ in $(seq 150); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    sleep 0.1
  done
  echo "cannot reach $name:"
  cat "$out/sweep-$name.log"
  return 1
}
serve ours "$ours" "$bin/everything" --http "127.0.0.1:$ours"
serve sse "$sse" env PORT="$sse" mcp-server-everything sse
serve ts "$ts" env PORT="$ts" mcp-server-everything streamableHttp
serve v2 "$v2" node "$here/server-v2.mjs" http "$v2"
serve stateful "$stateful" "$bin/gosdk-everything" -http "127.0.0.1:$stateful" -stateless=false
serve stateless "$stateless" "$bin/gosdk-everything" -http "127.0.0.1:$stateless" -stateless=true

cat >"$out/sweep-claude.json" <<END
{"mcpServers": {
  "ours": {"command": "$bin/everything", "args": ["-stdio"]},
  "ours-http": {"type": "http", "url": "http://127.0.0.1:$ours/mcp"},
  "ts-stdio": {"command": "mcp-server-everything", "args": ["stdio"]},
  "ts-sse": {"type": "sse", "url": "http://127.0.0.1:$sse/sse"},
  "ts-http": {"type": "streamable-http", "url": "http://127.0.0.1:$ts/mcp"},
  "v2-stdio": {"command": "node", "args": ["$here/server-v2.mjs", "stdio"]},
  "v2-http": {"type": "http", "url": "http://127.0.0.1:$v2/mcp"},
  "go-stdio": {"command": "$bin/gosdk-everything"},
  "go-stateful": {"type": "http", "url": "http://127.0.0.1:$stateful/"},
  "go-stateless": {"type": "http", "url": "http://127.0.0.1:$stateless/"}
}}
END
serve gateway "$gate" "$bin/mcploop" serve -c "$out/sweep-claude.json" --http "127.0.0.1:$gate"

# What no client's file can say: tools of an OpenAPI document and their like, and the era.
cp .ci/sweep/notes.openapi.yaml "$here"
serve rest "$rest" node "$here/rest.mjs" "$rest"
cat >"$out/sweep.yaml" <<END
listen: {http: ["127.0.0.1:$other"]}
upstreams:
  notes:
    openapi: {document: "$here/notes.openapi.yaml", base_url: "http://127.0.0.1:$rest"}
  web:
    http:
      base_url: http://127.0.0.1:$rest
      tools:
        note:
          description: One note.
          url: /notes/{id}
          fields: [method, path]
          output: {type: object, properties: {method: {type: string}}, required: [method]}
        add: {description: Adds a note., method: POST, url: /notes, body: {title: "{title}"}}
  run:
    exec:
      tools:
        measure: {description: Counts., command: [wc, -c], stdin: text}
        find: {description: Finds., command: [find, "$here", -maxdepth, "1", -name, "{pattern}"]}
  docs:
    files: {root: "$here", include: ["*.yaml"]}
  ours-legacy: {command: ["$bin/everything", -stdio], era: legacy}
  go-legacy: {command: ["$bin/gosdk-everything"], era: legacy}
END
cat >"$out/sweep-other.json" <<END
{"mcpServers": {
  "notes": {}, "web": {}, "run": {}, "docs": {},
  "ours-legacy": {"command": "$bin/everything", "args": ["-stdio"]},
  "go-legacy": {"command": "$bin/gosdk-everything"}
}}
END
serve other "$other" "$bin/mcploop" serve -c "$out/sweep.yaml"

for _ in $(seq 150); do
  up=$(curl -fsS "http://127.0.0.1:$gate/metrics" "http://127.0.0.1:$other/metrics" |
    grep -c '^mcploop_upstream_up{.*} 1' || true)
  [ "$up" != 16 ] || break
  sleep 0.1
done
node "$here/main.mjs" "$out" "http://127.0.0.1:$gate/mcp" "$out/sweep-claude.json" \
  "http://127.0.0.1:$other/mcp" "$out/sweep-other.json"
