#!/bin/bash
# Runs the official MCP conformance suite through the gateway, and its client scenarios:
#   conformance-gateway.sh BIN
# BIN holds mcploop, everything, suiteclient, and gosdk-everything (the server that go-sdk runs the
# suite against). Each upstream is asked by itself first. What it passes it must pass on
# /mcp/UPSTREAM, but for the exceptions below; each has its reason.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:?usage: conformance-gateway.sh BIN}")
# shellcheck source=.ci/suite.sh
. .ci/suite.sh

# One line each: upstream, scenario, why. "older" is the everything server spoken to in the legacy
# era alone, although it would do better: a modern client's scenarios run against a legacy server.
# "client" is what the suite asks of a client.
exceptions='
older input-required-result-basic-elicitation a legacy question has no key, the suite wants its own
older input-required-result-ignore-extra-params a legacy question has no key, as above
older input-required-result-capability-check a legacy server hears in initialize what all can
older server-stateless a legacy server runs a tool before it knows what the client lacks
older tasks- tasks of the extension are of the modern era alone
client auth/dpop an extension in draft (SEP-1932): a proof signed for each request
'

excepted() { # UPSTREAM SCENARIO
  local upstream scenario
  while read -r upstream scenario _; do
    if [ "$upstream" = "$1" ] && [[ "$2" == "$scenario"* ]]; then return 0; fi
  done < <(grep . <<<"$exceptions")
  return 1
}

pids=()
stop() { kill "${pids[@]}" 2>/dev/null || true; }
trap stop EXIT

# scenarios NAME URL SET: one run; the names of those that passed are in $out/NAME.SET.
scenarios() {
  PATH=$node:$PATH timeout 120 conformance server --url "$2" --requirements "$3" \
    -o "$out/$1-$3" >"$out/$1-$3.txt" 2>&1 || true # what failed is read from the checks
  PATH=$node:$PATH node .ci/verdicts.mjs "$out/$1-$3" 2>"$out/$1-$3.why" |
    sed -n 's/^ok //p' | sort >"$out/$1.$3"
}

# compare UPSTREAM DIRECT SET LEAST: what DIRECT passes by itself, at least LEAST scenarios, passes.
compare() {
  local all scenario lacks=0 excused=0
  scenarios "$1" "http://127.0.0.1:$gate/mcp/$1" "$3"
  all=$(wc -l <"$out/$2.$3")
  if [ "$all" -lt "$4" ]; then
    echo "FAIL $2 $3: $all scenarios passed without the gateway, $4 are wanted"
    failed=$((failed + 1))
  fi
  while read -r scenario; do
    if excepted "$1" "$scenario"; then excused=$((excused + 1)); else
      echo "FAIL $1 $3: $scenario; see $out/$1-$3.why"
      lacks=$((lacks + 1))
    fi
  done < <(comm -23 "$out/$2.$3" "$out/$1.$3")
  echo "$1 $3: $(wc -l <"$out/$1.$3") scenarios passed, $all without the gateway;" \
    "$lacks failed, $excused excepted"
  failed=$((failed + lacks))
}

# asked VERSION: the scenarios that the suite has for clients, extensions too.
asked() {
  PATH=$node:$PATH conformance list --requirements "$1" | sed -n \
    -e '/^Client scenarios/,/^$/s/^  - //p' -e 's/^    - \(.*\) \[client\]$/\1/p'
}

# client VERSION SCENARIO...: what the suite asks of a client.
client() {
  local version=$1 scenario
  shift
  for scenario in "$@"; do
    if excepted client "$scenario"; then
      continue
    elif PATH=$node:$PATH timeout 60 conformance client --command "$bin/suiteclient" --force \
      --scenario "$scenario" --spec-version "$version" -o "$out/client" \
      >"$out/client-$version-${scenario//\//-}.txt" 2>&1; then
      good=$((good + 1))
    else
      echo "FAIL client $version: $scenario; see $out/client-$version-${scenario//\//-}.txt"
      failed=$((failed + 1))
    fi
  done
}

out=build/conformance-gateway failed=0 good=0
rm -rf "$out"
mkdir -p "$out"
install "$tools" 0.2.0-alpha.12
node=$(cd "$tools/node_modules/.bin" && pwd)

modern=$(free_port) stateful=$(free_port) stateless=$(free_port) gate=$(free_port)
serve everything "$modern" "$bin/everything" --http "127.0.0.1:$modern"
serve stateful "$stateful" "$bin/gosdk-everything" -http "127.0.0.1:$stateful" -stateless=false
serve stateless "$stateless" "$bin/gosdk-everything" -http "127.0.0.1:$stateless" -stateless=true
cat >"$out/gateway.yaml" <<YAML
listen: {http: ["127.0.0.1:$gate"]}
upstreams:
  modern: {url: "http://127.0.0.1:$modern/mcp"}
  older: {url: "http://127.0.0.1:$modern/mcp", era: legacy}
  stdio: {command: ["$bin/everything"]}
  stateful: {url: "http://127.0.0.1:$stateful/"}
  stateless: {url: "http://127.0.0.1:$stateless/"}
YAML
serve gateway "$gate" "$bin/mcploop" serve -c "$out/gateway.yaml"
deadline=$((SECONDS + 30))
until [ "$(curl -fsS "http://127.0.0.1:$gate/metrics" |
  grep -c '^mcploop_upstream_up{.*} 1')" = 5 ]; do
  if [ $SECONDS -ge $deadline ]; then
    echo "cannot use every upstream; the gateway said:" >&2
    cat "$out/gateway.log" >&2
    exit 1
  fi
  sleep 0.1
done

for set in 2025-11-25 2026-07-28; do
  scenarios everything "http://127.0.0.1:$modern/mcp" "$set"
  scenarios stateful-itself "http://127.0.0.1:$stateful/" "$set"
  scenarios stateless-itself "http://127.0.0.1:$stateless/" "$set"
done
for set in "2025-11-25 33 32 27" "2026-07-28 50 4 41"; do
  read -r revision own full less <<<"$set"
  for upstream in modern older stdio; do compare "$upstream" everything "$revision" "$own"; done
  compare stateful stateful-itself "$revision" "$full"
  compare stateless stateless-itself "$revision" "$less"
done
for set in 2025-11-25 2026-07-28; do
  mapfile -t names < <(asked "$set")
  client "$set" "${names[@]}"
done
client 2025-03-26 auth/2025-03-26-oauth-metadata-backcompat auth/2025-03-26-oauth-endpoint-fallback
if [ "$good" -lt 62 ]; then
  echo "FAIL client: $good scenarios passed, 62 are wanted"
  failed=$((failed + 1))
fi
echo "client: $good scenarios passed"
echo "conformance through the gateway: $failed failed"
[ "$failed" = 0 ]
