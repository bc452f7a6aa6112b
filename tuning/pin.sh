#!/bin/bash
# Keeps a network card's interrupts, its packets and a running mcploop on the same CPUs: those of
# the card's NUMA node, or those of --cpus. tuning/README.md says what each step is for.
# It lasts until the next boot: the card's queues and interrupts may be others then.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat >&2 <<'END'
usage: pin.sh --check | --dry-run | --apply | --revert [options]
  --check, --dry-run, --apply, --revert   as in apply.sh, and so is the exit code
  --device NAME  network card; may be given again (default: the one of the default route)
  --cpus LIST    CPUs as 0-15,32-47 (default: the card's NUMA node, or all)
  --pid PID      also keep this process and its threads on these CPUs
  --root DIR     work below DIR instead of / (for tests)
END
  exit 2
}

mode='' root='' list='' pid='' devices=()
while [ $# -gt 0 ]; do
  case $1 in
    --check | --dry-run | --apply | --revert) [ -z "$mode" ] || usage; mode=${1#--} ;;
    --device | --cpus | --pid | --root)
      [ $# -ge 2 ] || usage
      case $1 in
        --device) devices+=("$2") ;;
        --cpus) list=$2 ;;
        --pid) pid=$2 ;;
        --root) root=${2%/} ;;
      esac
      shift
      ;;
    *) usage ;;
  esac
  shift
done
[ -n "$mode" ] || usage
[ -d "$root/" ] || usage
[[ $list =~ ^[0-9,-]*$ && $pid =~ ^[0-9]*$ ]] || usage
state=$root/run/mcploop-tuning
# shellcheck source=tuning/journal.sh
. "$here/journal.sh"

# expand LIST prints each CPU of a list as 0-3,8.
expand() {
  local range
  for range in ${1//,/ }; do seq "${range%-*}" "${range#*-}"; done
}

# mask CPU... prints a mask as the kernel does: 32 bits in hex, most significant first, commas.
mask() {
  local words=(0) cpu i text=''
  for cpu in "$@"; do
    while [ "${#words[@]}" -le $((cpu / 32)) ]; do words+=(0); done
    words[cpu / 32]=$((words[cpu / 32] | 1 << cpu % 32))
  done
  for ((i = ${#words[@]} - 1; i >= 0; i--)); do text+=$(printf '%08x' "${words[i]}"),; done
  echo "${text%,}"
}

# node_cpus DEVICE prints the CPUs of the card's NUMA node; all where it has none (-1).
node_cpus() {
  local node
  node=$(value_of "$root/sys/class/net/$1/device/numa_node" 2>/dev/null) || node=-1
  if [ "${node:--1}" -ge 0 ]; then
    value_of "$root/sys/devices/system/node/node$node/cpulist"
  else
    value_of "$root/sys/devices/system/cpu/online"
  fi
}

# queues DEVICE rx|tx prints the folders of its queues, in the order of their numbers.
queues() {
  find "$root/sys/class/net/$1/queues/" -mindepth 1 -maxdepth 1 -name "$2-*" | sort -V
}

# interrupts DEVICE prints the numbers of its interrupts; a virtio card's belong to its parent.
interrupts() {
  local card=$root/sys/class/net/$1/device dir
  for dir in "$card/msi_irqs" "$card/../msi_irqs"; do
    [ -d "$dir" ] || continue
    find "$dir/" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n
    return
  done
}

# spread_interrupts DEVICE CPU...: queue i is served by the i-th CPU. The number at the end of
# an interrupt's name (eth0-TxRx-3, virtio0-input.3) is its queue, so both directions meet.
spread_interrupts() {
  local cpus=("${@:2}") irq name queue n=0
  for irq in $(interrupts "$1"); do
    [ -d "$root/proc/irq/$irq" ] || continue # the card has it, but does not use it
    name=$(find "$root/proc/irq/$irq/" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | head -n 1)
    queue=$n
    if [[ $name =~ ([0-9]+)$ ]]; then queue=$((10#${BASH_REMATCH[1]})); fi
    want_value "/proc/irq/$irq/smp_affinity_list" exact "${cpus[queue % ${#cpus[@]}]}"
    n=$((n + 1))
  done
  [ "$n" -gt 0 ] || say ok "$1: no interrupts of its own to spread"
}

# spread_packets DEVICE CPU...: a card with fewer queues than CPUs gets RPS, so that more than
# one CPU does protocol work, and RFS, so that it is the one on which the reader runs.
spread_packets() {
  local cpus=("${@:2}") rx=() path steer=0 flows=0
  mapfile -t rx < <(queues "$1" rx)
  if [ ${#rx[@]} -lt ${#cpus[@]} ]; then
    steer=$(mask "${cpus[@]}") flows=$((32768 / ${#rx[@]}))
    want_value /proc/sys/net/core/rps_sock_flow_entries at-least 32768
  fi
  for path in "${rx[@]#"$root"}"; do
    want_value "$path/rps_cpus" mask "$steer"
    want_value "$path/rps_flow_cnt" at-least "$flows"
  done
}

# spread_sending DEVICE CPU...: each CPU sends on one queue (XPS), so that CPUs do not wait for
# each other's queue lock. With one queue there is nothing to choose.
spread_sending() {
  local cpus=("${@:2}") tx=() i j own
  mapfile -t tx < <(queues "$1" tx)
  [ ${#tx[@]} -gt 1 ] || return 0
  for i in "${!tx[@]}"; do
    own=()
    for ((j = i; j < ${#cpus[@]}; j += ${#tx[@]})); do own+=("${cpus[j]}"); done
    if [ ${#own[@]} = 0 ]; then own=("${cpus[i % ${#cpus[@]}]}"); fi
    want_value "${tx[i]#"$root"}/xps_cpus" mask "$(mask "${own[@]}")"
  done
}

pin_device() {
  local cpus=() from=$list
  if [ ! -d "$root/sys/class/net/$1/queues/rx-0" ]; then
    refuse "find the network card $1; ls /sys/class/net"
    return
  fi
  if [ -z "$from" ] && ! from=$(node_cpus "$1" 2>/dev/null); then
    refuse "find the CPUs of $1; say --cpus LIST"
    return
  fi
  mapfile -t cpus < <(expand "$from")
  say device "$1: CPUs $from"
  spread_interrupts "$1" "${cpus[@]}"
  spread_packets "$1" "${cpus[@]}"
  spread_sending "$1" "${cpus[@]}"
}

affinities() { # of all threads of a process, each once
  cat "$root/proc/$1/task/"*/status | sed -n 's/^Cpus_allowed:[[:space:]]*//p' | sort -u
}

# pin_process PID LIST
pin_process() {
  local now want
  if ! now=$(affinities "$1" 2>/dev/null) || [ -z "$now" ]; then
    refuse "find process $1"
    return
  fi
  # shellcheck disable=SC2046 # one word for each CPU
  want=$(mask $(expand "$2"))
  if [ "$(wc -l <<<"$now")" != 1 ]; then
    refuse "pin process $1: its threads differ in their affinity, so it pins them by itself"
  elif meets mask "$now" "$want"; then
    say ok "process $1 on CPUs $2"
  elif [ "$mode" = check ]; then
    differs=1
    say differs "process $1 on CPU mask $now, wanted $want"
  elif [ "$mode" = dry-run ]; then
    say would "keep process $1 on CPUs $2 (mask is $now)"
  else
    remember affinity "$1/$(started "$1")" "$now"
    if taskset -ap "${want//,/}" "$1" >/dev/null && meets mask "$(affinities "$1")" "$want"; then
      say set "process $1 on CPUs $2"
    else
      refuse "pin process $1 to CPUs $2"
    fi
  fi
}

# started PID prints when a process began: a later process of the same number is another one.
started() { sed 's/.*) //' "$root/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# revert_affinity is called by revert, by its name.
# shellcheck disable=SC2317
revert_affinity() {
  local of=${1%/*}
  if [ "$(started "$of")" != "${1#*/}" ]; then
    say restored "process $of is gone"
  elif taskset -ap "${2//,/}" "$of" >/dev/null; then
    say restored "process $of on CPU mask $2"
  else
    refuse "bring back the affinity of process $of"
    return 1
  fi
}

default_device() {
  awk '$2 == "00000000" && $8 == "00000000" { print $1; exit }' "$root/proc/net/route"
}

if [ "$mode" = revert ]; then
  revert
  finish
fi
open_journal
if [ ${#devices[@]} = 0 ]; then mapfile -t devices < <(default_device); fi
[ ${#devices[@]} -gt 0 ] || refuse "find a default route; say --device NAME"
if [ -e "$root/run/irqbalance" ] || [ -e "$root/run/irqbalance.pid" ]; then
  refuse "keep interrupts where they are put while irqbalance runs; systemctl stop irqbalance"
fi
for device in "${devices[@]}"; do pin_device "$device"; done
if [ -n "$pid" ] && [ ${#devices[@]} -gt 0 ]; then
  [ -n "$list" ] || list=$(node_cpus "${devices[0]}" 2>/dev/null) || list=
  [ -z "$list" ] || pin_process "$pid" "$list"
fi
finish
