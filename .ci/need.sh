#!/bin/bash
# Checks that the tools that a step needs are there: need go|cc|npm|bats|shellcheck ...
# As root on Debian or Ubuntu it installs what is missing; otherwise it says how.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }

# ensure COMMAND WHY PACKAGE...: makes sure that COMMAND can be called.
ensure() {
  local command=$1 why=$2
  shift 2
  have "$command" && return
  if [ "$(id -u)" = 0 ] && have apt-get; then
    echo "$command is missing; installing $* ($why)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    have "$command" && return
  fi
  echo "cannot go on: $command is missing ($why); on Debian or Ubuntu: sudo apt-get install $*" >&2
  exit 1
}

need_go() {
  if ! have "${GO:-go}"; then
    echo "cannot go on: Go is missing; install 1.26 or newer from https://go.dev/doc/install" >&2
    exit 1
  fi
  local wanted found
  wanted=$(sed -n 's/^go //p' go.mod)
  found=$("${GO:-go}" env GOVERSION)
  if [ "$(printf '%s\n' "${wanted}" "${found#go}" | sort -V | head -1)" != "$wanted" ]; then
    echo "cannot go on: $found is too old; install Go $wanted or newer from" \
      "https://go.dev/doc/install" >&2
    exit 1
  fi
}

cd "$(dirname "$0")/.."
for tool in "$@"; do
  case $tool in
    go) need_go ;;
    cc) ensure "$(go env CC)" "the race detector is cgo" gcc libc6-dev ;;
    npm) ensure npm "the conformance suite is a Node program" nodejs npm ;;
    bats) ensure bats "the scripts of tuning/ are tested with it" bats ;;
    openssl) ensure openssl "it makes a certificate, and is a server" openssl ;;
    shellcheck) ensure shellcheck "shell scripts are linted with it" shellcheck ;;
    *) echo "cannot check for $tool: see need.sh for what it knows" >&2; exit 2 ;;
  esac
done
