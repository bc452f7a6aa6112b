#!/bin/bash
# A gateway in front of COUNT upstreams with TOOLS tools each, which are one process on the ports
# from UPSTREAM_PORT on, 7700 by default (bin/peers many): u00__echo_0, u00__echo_1, ... It ends
# with the gateway. GATEWAY_CORE and UPSTREAM_CORE bind them to a core each.
#   gateway.sh COUNT TOOLS [ARGUMENT of mcploop serve]...
set -euo pipefail
cd "$(dirname "$0")/.."
count=$1 tools=$2
shift 2
port=${UPSTREAM_PORT:-7700}
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$dir"' EXIT
trap 'exit 0' TERM INT
{
  cat bench/server.yaml
  echo "upstreams:"
  for i in $(seq 0 $((count - 1))); do
    printf '  u%02d: {url: "http://127.0.0.1:%d/mcp"}\n' "$i" $((port + i))
  done
} >"$dir/gateway.yaml"
${UPSTREAM_CORE:+taskset -c "$UPSTREAM_CORE"} bin/peers many --addr "127.0.0.1:$port" \
  --count "$count" --tools "$tools" &
for _ in $(seq 100); do
  (exec 3<>"/dev/tcp/127.0.0.1/$((port + count - 1))") 2>/dev/null && break
  sleep 0.05
done
${GATEWAY_CORE:+taskset -c "$GATEWAY_CORE" env GOMAXPROCS=1} bin/mcploop serve \
  -c "$dir/gateway.yaml" "$@" &
wait $!
