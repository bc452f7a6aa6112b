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
GOMAXPROCS=1 "$dir/mcploop" serve --tcp 127.0.0.1:7071 --http 127.0.0.1:7072 \
  --cpuprofile "$dir/cpu.pprof" >"$dir/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 100); do
  curl -fs http://127.0.0.1:7072/readyz >/dev/null 2>&1 && break
  sleep 0.1
done
load() { bin/mcploop bench closed --duration "${seconds}s" --warmup 200ms "$@"; }
load --tcp 127.0.0.1:7071 --depth 16 --era legacy
load --tcp 127.0.0.1:7071 --depth 16 --era modern
load --tcp 127.0.0.1:7071 --era legacy
load --url http://127.0.0.1:7072/mcp --era modern
load --url http://127.0.0.1:7072/mcp --era legacy
kill -TERM "$server"
wait "$server"
cp "$dir/cpu.pprof" cmd/mcploop/default.pgo
