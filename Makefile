# mcploop: one static binary. Go 1.26 or newer is all that build and run need; test also needs
# a C compiler (the race detector is cgo) and bats, lint needs shellcheck, conformance, interop and
# peers-ts need npm.
# .ci/need.sh installs Debian packages when it is root, and says what is missing when it is not.

export CGO_ENABLED ?= 0

GO       ?= go
ARGS     ?=
FUZZTIME ?= 30s
BENCH    ?= goals
PLAN     ?= http
LINT     := bin/tools/golangci-lint-v2.15.0
# A checkout that git does not trust (another owner, no git) must build all the same.
VCS      := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)
FLAGS    := -trimpath -buildvcs=$(VCS) -ldflags=-s

.PHONY: help run build test race norace tuning soak check lint fmt fuzz conformance \
	conformance-gateway interop interop-oauth vm bench smoke scenarios peers peers-build peers-ts \
	pages peers-test pgo generate clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: build ## build and start the server on 127.0.0.1:9999; ARGS="--tcp :9998"
	@exec bin/mcploop serve $(ARGS)

build: ## build bin/mcploop and the examples
	@.ci/need.sh go
	$(GO) build $(FLAGS) -o bin/ ./cmd/... ./examples/...

test: race norace peers-test tuning ## all tests; what the race detector distorts runs without it

race: ## all tests under the race detector (needs a C compiler)
	@.ci/need.sh go cc
	GORACE=atexit_sleep_ms=0 CGO_ENABLED=1 $(GO) test -race -timeout 9m ./...

norace: ## the tests that are built only without the race detector
	@.ci/need.sh go
	GO=$(GO) .ci/norace.sh

peers-test: ## a checked call to each server that bench compares with
	@.ci/need.sh go
	cd bench/peers && $(GO) test -timeout 5m ./...

tuning: ## the tests of the scripts in tuning/, on a host made of files (needs bats)
	@.ci/need.sh bats
	bats tuning

soak: ## half a million requests while connections are cut at random, also of a gateway (3 minutes)
	@.ci/need.sh go
	$(GO) test -tags long -timeout 10m -v -run Nothing ./bench/history

check: ## everything that CI does; with SOAK=1 the soak, too
	@.ci/run

lint: $(LINT) ## golangci-lint at its pinned version and shellcheck, zero warnings
	$(LINT) run ./...
	$(LINT) run --build-tags long,vm ./...
	cd bench/peers && ../../$(LINT) run --build-tags ts ./...
	@.ci/need.sh shellcheck
	shellcheck -x .ci/run .ci/*.sh bench/*.sh tuning/*.sh tuning/*.bash tuning/*.bats

fmt: $(LINT) ## format as lint wants it
	$(LINT) fmt ./...

$(LINT):
	@.ci/need.sh go
	@echo "building $@ (once, about 3 minutes)"
	GOBIN=$(CURDIR)/bin/tools $(GO) install \
		github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@mv bin/tools/golangci-lint $@

fuzz: ## each fuzz target for FUZZTIME=30s
	@.ci/need.sh go
	@.ci/fuzz.sh $(FUZZTIME)

conformance: build ## the official MCP conformance suite against bin/everything (needs npm)
	@.ci/need.sh npm
	@.ci/conformance.sh bin/everything

conformance-gateway: build ## that suite through the gateway, and its client side (needs npm)
	@.ci/need.sh npm
	cd bench/peers && $(GO) build $(FLAGS) -o ../../bin/gosdk-everything \
		github.com/modelcontextprotocol/go-sdk/conformance/everything-server
	@.ci/conformance-gateway.sh bin

interop: build ## real clients (Inspector, TypeScript SDKs), real servers, the gateway (needs npm)
	@.ci/need.sh npm openssl
	cd bench/peers && $(GO) build $(FLAGS) -o ../../bin/gosdk-everything \
		github.com/modelcontextprotocol/go-sdk/conformance/everything-server
	@.ci/interop.sh bin/everything

interop-oauth: build ## upstreams that want OAuth, with a certified authorization server (needs npm)
	@.ci/need.sh npm
	@.ci/oauth.sh bin

vm: ## limits of children by cgroup v2, in a virtual machine (qemu; a minute or two)
	@.ci/need.sh go
	@GO=$(GO) .ci/vm.sh

bench: build peers-build peers-ts ## measure every goal, print which are met (half an hour)
	bin/mcploop bench $(BENCH)

peers: build peers-build peers-ts ## other servers side by side; PLAN=http, tcp, stdio, ws, ...
	bin/mcploop bench peers -plan $(PLAN)

pages: build ## rewrite the tables of the documentation from bench/results
	bin/mcploop bench pages docs/*.md README.md

smoke: build ## one second of checked load on each door
	bin/mcploop bench peers -plan .ci/smoke-line.json -rounds 1 -duration 1s -warmup 200ms
	bin/mcploop bench peers -plan .ci/smoke-stdio.json -rounds 1 -duration 1s -warmup 200ms

scenarios: build peers-build ## every scenario of bench, small, against our server and foreign ones
	@.ci/scenarios.sh bin

pgo: build ## make the profile anew that builds are optimised with (cmd/mcploop/default.pgo)
	@.ci/pgo.sh 5

peers-build: ## build the servers that bench compares with (a module of their own)
	@.ci/need.sh go
	cd bench/peers && $(GO) build $(FLAGS) -o ../../bin/peers .
	cd bench/peers/mcpproxy && $(GO) build $(FLAGS) -o ../../../bin/mcp-proxy \
		github.com/tbxark/mcp-proxy

peers-ts: ## install the TypeScript servers below bench/peers/ts and check them (needs npm)
	@.ci/need.sh go npm
	cd bench/peers/ts && npm install --no-package-lock --ignore-scripts --no-audit --no-fund \
		--loglevel=error
	cd bench/peers && $(GO) test -tags ts -run TypeScript .

generate: ## rewrite docs/config.md and docs/config.schema.json
	$(GO) generate ./...

clean: ## remove what was built; downloaded tools stay in bin/tools
	rm -rf build
	find bin -maxdepth 1 -type f -delete 2>/dev/null || true
