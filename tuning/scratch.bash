#!/bin/bash
# A host made of files, for the tests: $root is its root, in $folder, which is the test's own.
# shellcheck disable=SC2034 # used by the tests
here=$BATS_TEST_DIRNAME

# expect CODE COMMAND... runs a command that must end with CODE; $output and $said are what it
# wrote to standard output and standard error.
expect() {
  local want=$1 got=0
  shift
  output=$("$@" 2>"$folder/said") || got=$?
  said=$(<"$folder/said")
  [ "$got" = "$want" ] || { printf '%s\n' "exit $got, wanted $want: $*" "$output" "$said"; return 1; }
}

put() { # PATH TEXT
  mkdir -p "$root$(dirname "$1")"
  printf '%s\n' "$2" >"$root$1"
}

kernel() { # KEY VALUE
  put "/proc/sys/${1//.//}" "$2"
}

# make_host is a host with the kernel's defaults, 64 CPUs on two nodes, 16 GiB of memory.
make_host() {
  folder=$(mktemp -d)
  root=$folder/root
  kernel fs.nr_open 1048576
  kernel fs.file-max 400000
  kernel net.core.somaxconn 128
  kernel net.ipv4.tcp_max_syn_backlog 512
  kernel net.core.netdev_max_backlog 1000
  kernel net.ipv4.ip_local_port_range $'32768\t60999'
  kernel net.ipv4.tcp_slow_start_after_idle 1
  put /sys/devices/system/cpu/online 0-63
  put /sys/devices/system/node/node1/cpulist 32-63
  put /proc/self/cgroup 0::/system.slice/shell
  put /proc/self/status $'Name:\tsh\nCpus_allowed_list:\t0-31,40'
  put /proc/meminfo 'MemTotal:       16777216 kB'
}

remove_host() { rm -rf "$folder"; }

# make_card NAME RX TX: a card on node 1 with an interrupt for each receive queue, from 100 on.
make_card() {
  local i
  put "/sys/class/net/$1/device/numa_node" 1
  for ((i = 0; i < $2; i++)); do
    put "/sys/class/net/$1/queues/rx-$i/rps_cpus" 0
    put "/sys/class/net/$1/queues/rx-$i/rps_flow_cnt" 0
    put "/sys/class/net/$1/device/msi_irqs/$((100 + i))" msix
    put "/proc/irq/$((100 + i))/smp_affinity_list" 0-63
    mkdir "$root/proc/irq/$((100 + i))/$1-TxRx-$i"
  done
  for ((i = 0; i < $3; i++)); do
    put "/sys/class/net/$1/queues/tx-$i/xps_cpus" 0
  done
  kernel net.core.rps_sock_flow_entries 0
}

# picture prints every file and folder with its mode and contents.
picture() {
  (cd "$root" && find . -printf '%p %m %l\n' | sort && find . -type f | sort | xargs cksum)
}

value() { cat "$root$1"; }
