#!/bin/bash
# Part of apply.bats, apply.sh and pin.sh on a real kernel: runs in a network and a mount
# namespace of its own, so that no setting of the host changes: the values of fs are read-only
# here, as in a container.
#   namespace.sh TUNING ROOT
set -euo pipefail
tuning=$1 root=$2
mount --make-rprivate /
mount --bind /proc/sys "$root/proc/sys"
mount --bind "$root/proc/sys/fs" "$root/proc/sys/fs"
mount -o remount,bind,ro "$root/proc/sys/fs"

values() {
  cd "$root/proc/sys"
  head net/core/somaxconn net/ipv4/{tcp_max_syn_backlog,ip_local_port_range} \
    net/ipv4/tcp_slow_start_after_idle fs/nr_open fs/file-max
}

expect() { # CODE COMMAND...
  local want=$1 got=0
  shift
  "$@" || got=$?
  [ "$got" = "$want" ] || { echo "exit $got of $*, wanted $want" >&2; exit 1; }
}

echo 128 >"$root/proc/sys/net/core/somaxconn"
before=$(values)
# netdev_max_backlog belongs to the whole host and is not in a namespace: exit 2, and it is said.
expect 2 "$tuning/apply.sh" --root "$root" --apply 2>"$root/said"
grep -q 'cannot   read /proc/sys/net/core/netdev_max_backlog' "$root/said"
[ "$(<"$root/proc/sys/net/core/somaxconn")" = 16384 ]
[ "$(<"$root/proc/sys/net/ipv4/ip_local_port_range")" = $'32768\t65535' ]
[ "$(<"$root/proc/sys/net/ipv4/tcp_slow_start_after_idle")" = 0 ]
if { echo 2000000 >"$root/proc/sys/fs/nr_open"; } 2>/dev/null; then exit 1; fi
expect 0 "$tuning/apply.sh" --root "$root" --revert
[ "$(values)" = "$before" ]

# pin.sh with the kernel's own masks, on the loopback device of this namespace.
if [ "$(nproc)" -gt 1 ]; then
  mount -t sysfs sysfs "$root/sys"
  steer=$root/sys/class/net/lo/queues/rx-0/rps_cpus
  before=$(<"$steer")
  # rps_sock_flow_entries belongs to the whole host.
  expect 2 "$tuning/pin.sh" --root "$root" --apply --device lo --cpus 0-1 2>"$root/said"
  [ "$(grep -c cannot "$root/said")" = 1 ]
  grep -q 'cannot   read /proc/sys/net/core/rps_sock_flow_entries' "$root/said"
  [[ $(<"$steer") =~ ^[0,]*3$ ]]
  expect 0 "$tuning/pin.sh" --root "$root" --revert
  [ "$(<"$steer")" = "$before" ]
fi
