#!/usr/bin/env bats
# shellcheck disable=SC2154 # here, root, folder, output and said are set in scratch.bash
load scratch

setup() { make_host; }

pin() { "$here/pin.sh" --root "$root" "$@"; }

teardown() {
  if [ -n "${child:-}" ]; then kill "$child"; fi
  remove_host
}

@test "apply, check and revert: each byte is as before" {
  make_card eth7 4 4
  picture >"$folder/before"
  expect 1 pin --check --device eth7
  expect 0 pin --dry-run --device eth7
  picture | diff "$folder/before" -
  expect 0 pin --apply --device eth7
  expect 0 pin --check --device eth7
  expect 0 pin --revert
  rmdir "$root/run"
  picture | diff "$folder/before" -
}

@test "the CPUs of the card's NUMA node, a queue's interrupt on one, RPS and XPS on its share" {
  make_card eth7 4 4
  expect 0 pin --apply --device eth7
  [[ $output == *"eth7: CPUs 32-63"* ]]
  [ "$(value /proc/irq/100/smp_affinity_list)" = 32 ]
  [ "$(value /proc/irq/103/smp_affinity_list)" = 35 ]
  [ "$(value /sys/class/net/eth7/queues/rx-2/rps_cpus)" = ffffffff,00000000 ]
  [ "$(value /sys/class/net/eth7/queues/rx-2/rps_flow_cnt)" = 8192 ]
  [ "$(value /proc/sys/net/core/rps_sock_flow_entries)" = 32768 ]
  [ "$(value /sys/class/net/eth7/queues/tx-1/xps_cpus)" = 22222222,00000000 ]
}

@test "a queue for each CPU: no RPS, no RFS" {
  make_card eth7 4 4
  expect 0 pin --apply --device eth7 --cpus 0-2,8
  [ "$(value /proc/irq/103/smp_affinity_list)" = 8 ]
  [ "$(value /sys/class/net/eth7/queues/rx-0/rps_cpus)" = 0 ]
  [ "$(value /proc/sys/net/core/rps_sock_flow_entries)" = 0 ]
  [ "$(value /sys/class/net/eth7/queues/tx-3/xps_cpus)" = 00000100 ]
}

@test "the card of the default route, one queue, no interrupts, no node" {
  make_card eth7 1 1
  rm -r "$root/sys/class/net/eth7/device"
  put /proc/net/route $'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask
eth1\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF
eth7\t00000000\t010200C0\t0003\t0\t0\t0\t00000000'
  expect 0 pin --apply
  [[ $output == *"eth7: CPUs 0-63"* && $output == *"no interrupts of its own"* ]]
  [ "$(value /sys/class/net/eth7/queues/rx-0/rps_cpus)" = ffffffff,ffffffff ]
  [ "$(value /sys/class/net/eth7/queues/tx-0/xps_cpus)" = 0 ]
}

@test "a mask as the kernel prints it is the same mask" {
  make_card eth7 1 1
  put /sys/class/net/eth7/queues/rx-0/rps_cpus 00000000,00000003
  expect 1 pin --check --device eth7 --cpus 0-1
  [[ $output == *"ok       /sys/class/net/eth7/queues/rx-0/rps_cpus"* ]]
}

@test "a running process is pinned and gets its affinity back" {
  make_card eth7 1 1
  sleep 60 3>&- &
  child=$!
  ln -s "/proc/$child" "$root/proc/$child"
  local before first
  before=$(taskset -cp "$child")
  first=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$child/status")
  expect 0 pin --apply --device eth7 --cpus "$first" --pid "$child"
  [[ $(taskset -cp "$child") == *": $first" ]]
  expect 0 pin --revert
  [ "$(taskset -cp "$child")" = "$before" ]
}

@test "what cannot be done is said, exit 2" {
  make_card eth7 1 1
  expect 2 pin --check --device eth8
  [[ $said == *"cannot   find the network card eth8"* ]]
  expect 2 pin --check --device eth7 --pid 1
  [[ $said == *"cannot   find process 1"* ]]
  rm "$root/proc/irq/100/smp_affinity_list"
  expect 2 pin --apply --device eth7
  mkdir -p "$root/run/irqbalance"
  expect 2 pin --check --device eth7
  [[ $said == *"systemctl stop irqbalance"* ]]
  expect 2 pin --apply --pid 'x'
}
