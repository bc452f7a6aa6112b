#!/usr/bin/env bats
# shellcheck disable=SC2154 # here, root, folder, output and said are set in scratch.bash
load scratch

setup() { make_host; }

teardown() { remove_host; }

apply() { "$here/apply.sh" --root "$root" "$@"; }

@test "apply, then check finds all as wanted, then revert brings back each byte" {
  picture >"$folder/before"
  expect 1 apply --check
  [[ $output == *"differs  /proc/sys/net/core/somaxconn = 128, wanted at-least 16384"* ]]
  expect 0 apply --apply
  expect 0 apply --check
  [[ $output != *differs* ]]
  [ "$(value /proc/sys/net/core/somaxconn)" = 16384 ]
  [ "$(value /proc/sys/net/ipv4/ip_local_port_range)" = "32768 65535" ]
  expect 0 apply --revert
  [ "$(value /proc/sys/net/ipv4/ip_local_port_range)" = "32768 60999" ]
  kernel net.ipv4.ip_local_port_range $'32768\t60999' # the kernel itself prints the tab
  rmdir "$root/var/lib" "$root/var"
  picture | diff "$folder/before" -
}

@test "check and dry-run change nothing" {
  picture >"$folder/before"
  expect 1 apply --check
  expect 0 apply --dry-run
  [[ $output == *"would    /proc/sys/net/core/somaxconn = 16384 (is 128)"* ]]
  picture | diff "$folder/before" -
}

@test "apply twice: revert brings back what was there before the first" {
  expect 0 apply --apply
  kernel net.core.somaxconn 256
  expect 0 apply --apply
  [ "$(value /proc/sys/net/core/somaxconn)" = 16384 ]
  expect 0 apply --revert
  [ "$(value /proc/sys/net/core/somaxconn)" = 128 ]
  [ ! -e "$root/etc" ]
}

@test "a file that two applies changed comes back as it was before the first" {
  local drop=/etc/systemd/system/mcploop.service.d/50-tuning.conf
  put "$drop" "[Service]"
  expect 0 apply --apply
  expect 0 apply --apply --cpus 3
  grep -qx "CPUAffinity=3" "$root$drop"
  expect 0 apply --revert
  [ "$(value "$drop")" = "[Service]" ]
  [ ! -e "$root$drop.changed" ]
}

@test "a file that was there comes back with its mode, and a link as a link" {
  put /etc/sysctl.d/90-mcploop.conf "net.core.somaxconn = 999"
  chmod 600 "$root/etc/sysctl.d/90-mcploop.conf"
  put /etc/security/mine "* hard nofile 5"
  mkdir "$root/etc/security/limits.d"
  ln -s ../mine "$root/etc/security/limits.d/90-mcploop.conf"
  expect 0 apply --apply
  grep -q "somaxconn = 16384" "$root/etc/sysctl.d/90-mcploop.conf"
  [ "$(value /etc/security/mine)" = "* hard nofile 5" ]
  expect 0 apply --revert
  [ "$(value /etc/sysctl.d/90-mcploop.conf)" = "net.core.somaxconn = 999" ]
  [ "$(stat -c %a "$root/etc/sysctl.d/90-mcploop.conf")" = 600 ]
  [ "$(readlink "$root/etc/security/limits.d/90-mcploop.conf")" = ../mine ]
}

@test "a file that somebody changed since is kept beside it" {
  expect 0 apply --apply
  echo "# by hand" >>"$root/etc/sysctl.d/90-mcploop.conf"
  expect 1 apply --check
  expect 0 apply --revert
  [[ $output == *"kept     /etc/sysctl.d/90-mcploop.conf.changed"* ]]
  [ ! -e "$root/etc/sysctl.d/90-mcploop.conf" ]
  grep -q "by hand" "$root/etc/sysctl.d/90-mcploop.conf.changed"
}

@test "what the host has more of is not lowered, now or at boot" {
  kernel net.core.somaxconn 65535
  kernel net.ipv4.ip_local_port_range "1024 65535"
  expect 0 apply --apply
  [ "$(value /proc/sys/net/core/somaxconn)" = 65535 ]
  expect 1 grep "^net.core.somaxconn" "$root/etc/sysctl.d/90-mcploop.conf"
  expect 1 grep "^net.ipv4.ip_local_port_range" "$root/etc/sysctl.d/90-mcploop.conf"
  grep -q "^net.ipv4.tcp_max_syn_backlog = 16384" "$root/etc/sysctl.d/90-mcploop.conf"
  kernel net.core.somaxconn 65000
  expect 0 apply --check
}

@test "a value that is not there is said, exit 2, and the rest is set" {
  rm "$root/proc/sys/net/core/netdev_max_backlog"
  expect 2 apply --apply
  [[ $said == *"cannot   read /proc/sys/net/core/netdev_max_backlog"* ]]
  [ "$(value /proc/sys/net/core/somaxconn)" = 16384 ]
  expect 2 apply --check
}

@test "a value that the kernel refuses is said, exit 2, and revert has nothing to do there" {
  rm "$root/proc/sys/net/core/netdev_max_backlog"
  ln -s /proc/sys/kernel/ostype "$root/proc/sys/net/core/netdev_max_backlog"
  expect 2 apply --apply
  [[ $said == *"cannot   set /proc/sys/net/core/netdev_max_backlog"* ]]
  rm "$root/proc/sys/net/core/netdev_max_backlog"
  kernel net.core.netdev_max_backlog 1000
  expect 0 apply --revert
}

@test "where nothing can be saved nothing is changed" {
  put /var/lib/mcploop-tuning "a file in the way"
  picture >"$folder/before"
  expect 2 apply --apply
  [[ $said == *"nothing was changed"* ]]
  picture | diff "$folder/before" -
}

@test "what cannot be brought back stays in the journal for the next revert" {
  expect 0 apply --apply
  mv "$root/proc/sys/net/core" "$root/away"
  expect 2 apply --revert
  [[ $said == *"bring back /proc/sys/net/core/somaxconn = 128"* ]]
  mv "$root/away" "$root/proc/sys/net/core"
  expect 0 apply --revert
  [ "$(value /proc/sys/net/core/somaxconn)" = 128 ]
  expect 0 apply --revert
  [[ $output == *"nothing to revert"* ]]
}

@test "the drop-in has the CPUs of the host, or what is said, and the memory that is said" {
  local drop=/etc/systemd/system/mcploop.service.d/50-tuning.conf
  expect 0 apply --apply
  grep -qx "CPUAffinity=0-63" "$root$drop"
  expect 1 grep ^Environment "$root$drop"
  grep -qx "LimitNOFILE=1048576" "$root$drop"
  expect 0 apply --apply --cpus 32-63 --memory 8G
  grep -qx "CPUAffinity=32-63" "$root$drop"
  grep -qx "Environment=GOMEMLIMIT=7372MiB" "$root$drop"
  expect 1 grep '^[^#].*@' "$root$drop"
  expect 2 apply --apply --memory much
}

@test "wrong arguments: exit 2 and nothing is changed" {
  picture >"$folder/before"
  expect 2 apply
  expect 2 apply --apply --revert
  expect 2 apply --apply --cpus 'x; true'
  expect 2 apply --apply --frob
  expect 2 "$here/apply.sh" --check --root "$root/none"
  picture | diff "$folder/before" -
}

@test "each kernel value has a rule, a reason, its cost and its source" {
  awk -v RS= '/\n-?[a-z_0-9.-]+ = / { n++
    if (!/# rule: (at-least|range|exact)\n/ || !/# why: / || !/# cost: / || !/# source: /) {
      print; bad = 1 } }
    END { exit bad || n < 8 }' "$here/etc/sysctl.d/90-mcploop.conf"
}

@test "a real kernel, in a network namespace: set, read-only parts said, brought back" {
  if ! unshare --net --mount true 2>/dev/null; then skip "network namespaces need root"; fi
  rm -r "$root/proc/sys"
  mkdir "$root/proc/sys"
  expect 0 unshare --net --mount "$here/namespace.sh" "$here" "$root"
}
