#!/bin/bash
# Upstreams that want OAuth, against a certified authorization server (oidc-provider) before
# bin/everything: a key, a secret and a person, whose browser is a script. Tokens live 4 s, so the
# gateway renews them all the time.
#   oauth.sh BIN   (which holds mcploop and everything)
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:?usage: oauth.sh BIN}")
# shellcheck source=.ci/suite.sh
. .ci/suite.sh
tools=${OAUTH_TOOLS:-build/oauth-tools}

if [ ! -d "$tools/node_modules/oidc-provider" ]; then
  echo "installing oidc-provider in $tools (once)"
  mkdir -p "$tools"
  [ -f "$tools/package.json" ] || echo '{"private": true, "type": "module"}' >"$tools/package.json"
  npm install --prefix "$tools" --ignore-scripts --no-audit --no-fund --loglevel=error \
    "node-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')@22" oidc-provider@9.13.3
fi
cp .ci/oauth-server.mjs "$tools/server.mjs" # beside its node_modules
node=$(realpath "$tools/node_modules/.bin")

out=$(mktemp -d) failed=0
pids=()
stop() {
  kill "${pids[@]}" 2>/dev/null || true
  rm -rf "$out"
}
trap stop EXIT

# check NAME TEXT COMMAND...: the command's output must have TEXT, within 20 s.
check() {
  local name=$1 text=$2 deadline=$((SECONDS + 20))
  shift 2
  until "$@" >"$out/said" 2>&1 || true; grep -qF -- "$text" "$out/said"; do
    if [ $SECONDS -ge $deadline ]; then
      echo "FAIL    $name: no \"$text\" in"
      tail -3 "$out/said"
      failed=$((failed + 1))
      return
    fi
    sleep 0.2
  done
  echo "ok      $name"
}

call() { "$bin/mcploop" tools call "$@" --url "http://127.0.0.1:$gate/mcp"; }
metrics() { curl -fsS "http://127.0.0.1:$gate/metrics"; }
login() {
  BROWSER=$PWD/.ci/oauth-browser.mjs PATH=$node:$PATH timeout 30 "$bin/mcploop" login person \
    -c "$out/gateway.yaml"
}

behind=$(free_port) issuer=$(free_port) door=$(free_port) gate=$(free_port)
serve everything "$behind" "$bin/everything" --http "127.0.0.1:$behind"
PATH=$node:$PATH serve door "$door" node "$tools/server.mjs" "$issuer" "$door" \
  "http://127.0.0.1:$behind/mcp" "$out/key.pem"
url=http://localhost:$door/mcp
cat >"$out/gateway.yaml" <<YAML
listen: {http: ["127.0.0.1:$gate"]}
upstreams:
  robot:
    url: $url
    oauth:
      grant: client_credentials
      client_id: robot
      private_key_file: $out/key.pem
      key_id: k1
      store: $out/tokens
  secretive:
    url: $url
    oauth:
      grant: client_credentials
      client_id: secretive
      client_secret: "a+b/c:d e%"
      store: $out/tokens
  person:
    url: $url
    oauth: {store: $out/tokens}
YAML
serve gateway "$gate" "$bin/mcploop" serve -c "$out/gateway.yaml"

check "a key" "simple text" call robot__test_simple_text
check "a secret" "simple text" call secretive__test_simple_text
check "nobody has logged in" 'login_required{upstream="person"} 1' metrics
check "login" "logged in to person" login
check "a person" "simple text" call person__test_simple_text
check "more scope" "mcploop login person" call person__add --arg a=1 --arg b=2
check "login for it" "logged in to person" login
check "a person with it" "3" call person__add --arg a=1 --arg b=2
for upstream in robot secretive person; do
  check "$upstream's token is renewed" "renewed" bash -c "curl -fsS http://127.0.0.1:$gate/metrics |
    awk '/^mcploop_upstream_tokens_renewed_total.*\"$upstream\"/ && \$2 >= 3 {print \"renewed\"}'"
done
check "a person later" "3" call person__add --arg a=1 --arg b=2
check "logout" "were removed" "$bin/mcploop" logout person -c "$out/gateway.yaml"
check "nobody is logged in" "mcploop login person" call person__test_simple_text
if grep -l 'eyJ' "$out"/*.log; then
  echo "FAIL    a token is in a log"
  failed=$((failed + 1))
fi
[ "$failed" = 0 ] || cat "$out/gateway.log" "$out/door.log"
echo "oauth: $failed failed"
[ "$failed" = 0 ]
