#!/usr/bin/env bash
# Makes cmd/mcploop/default.pgo anew: the CPU profile of a server under the loads of bench, over
# which the compiler inlines and lays out the hot path.
# usage: .ci/pgo.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?usage: .ci/pgo.sh SECONDS}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp bin/mcploop "$dir/mcploop" # the profile names the file it was made of
behind='{"mcpServers": {"up": {"type": "http", "url": "http://127.0.0.1:7072/mcp"},
  "child": {"command": "'$dir/mcploop'", "args": ["serve", "--stdio"]}}}'
echo "$behind" >"$dir/gateway.json"
# serve NAME ARGUMENT...: starts a server that writes its profile when it ends.
serve() {
  local name=$1
  shift
  GOMAXPROCS=1 "$dir/mcploop" serve --cpuprofile "$dir/$name.pprof" "$@" >"$dir/$name.log" 2>&1 &
  servers="${servers:-} $!"
}
trap 'kill $servers 2>/dev/null || true; rm -rf "$dir"' EXIT
serve server --tcp 127.0.0.1:7071 --http 127.0.0.1:7072
serve gateway -c "$dir/gateway.json" --http 127.0.0.1:7073
for _ in $(seq 100); do
  bin/mcploop tools ls http://127.0.0.1:7073/mcp 2>/dev/null | grep -q child__echo && break
  sleep 0.1
done
load() { bin/mcploop bench closed --duration "${seconds}s" --warmup 200ms "$@"; }
load --tcp 127.0.0.1:7071 --depth 16 --era legacy
load --tcp 127.0.0.1:7071 --depth 16 --era modern
load --tcp 127.0.0.1:7071 --era legacy
load --url http://127.0.0.1:7072/mcp --era modern
load --url http://127.0.0.1:7072/mcp --era legacy
load --url http://127.0.0.1:7073/mcp --era modern --tool up__echo
load --url http://127.0.0.1:7073/mcp --era legacy --tool up__echo
load --url http://127.0.0.1:7073/mcp --era modern --tool child__echo
for pid in $servers; do
  kill -TERM "$pid"
  wait "$pid"
done
go tool pprof -proto "$dir"/*.pprof >cmd/mcploop/default.pgo 2>/dev/null
