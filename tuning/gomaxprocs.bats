#!/usr/bin/env bats
# shellcheck disable=SC2154 # here, root, folder, output and said are set in scratch.bash
load scratch

setup() { make_host; }

teardown() { remove_host; }

fit() { "$here/gomaxprocs.sh" --root "$root" "$@"; }

@test "without limits: the CPUs of the affinity, 90 % of the host's memory" {
  expect 0 fit
  [ "$output" = $'GOMAXPROCS=33\nGOMEMLIMIT=14745MiB' ]
}

@test "the smallest limit of the cgroups above counts, in whole CPUs" {
  put /sys/fs/cgroup/system.slice/shell/cpu.max "max 100000"
  put /sys/fs/cgroup/system.slice/cpu.max "250000 100000"
  put /sys/fs/cgroup/system.slice/shell/memory.max 4294967296
  put /sys/fs/cgroup/system.slice/memory.max max
  expect 0 fit
  [ "$output" = $'GOMAXPROCS=2\nGOMEMLIMIT=3686MiB' ]
  put /sys/fs/cgroup/system.slice/memory.high 2147483648
  expect 0 fit
  [ "$output" = $'GOMAXPROCS=2\nGOMEMLIMIT=1843MiB' ]
  put /sys/fs/cgroup/system.slice/cpu.max "50000 100000"
  expect 0 fit --memory 512M
  [ "$output" = $'GOMAXPROCS=1\nGOMEMLIMIT=460MiB' ]
}

@test "cgroup v1" {
  put /proc/self/cgroup $'4:memory:/box\n3:cpu,cpuacct:/box'
  put /sys/fs/cgroup/cpu/box/cpu.cfs_quota_us 800000
  put /sys/fs/cgroup/cpu/box/cpu.cfs_period_us 100000
  put /sys/fs/cgroup/cpu/cpu.cfs_quota_us -1
  put /sys/fs/cgroup/cpu/cpu.cfs_period_us 100000
  put /sys/fs/cgroup/memory/box/memory.limit_in_bytes 1073741824
  put /sys/fs/cgroup/memory/memory.limit_in_bytes 9223372036854771712
  expect 0 fit
  [ "$output" = $'GOMAXPROCS=8\nGOMEMLIMIT=921MiB' ]
}

@test "check tells whether a process has them, -- runs one that does" {
  mkdir "$root/proc/7"
  cp "$root/proc/self/status" "$root/proc/self/cgroup" "$root/proc/7"
  printf 'A=1\0GOMAXPROCS=33\0' >"$root/proc/7/environ"
  expect 1 fit --check 7
  [ "$output" = $'ok       GOMAXPROCS=33\ndiffers  GOMEMLIMIT is not set, wanted 14745MiB' ]
  printf 'GOMAXPROCS=33\0GOMEMLIMIT=14745MiB\0' >"$root/proc/7/environ"
  expect 0 fit --check 7
  expect 0 fit -- printenv GOMAXPROCS GOMEMLIMIT
  [ "$output" = $'33\n14745MiB' ]
}

@test "what cannot be read is said, exit 2" {
  expect 2 fit --check 8
  expect 2 fit --memory much
  expect 2 fit --frob
  rm "$root/proc/meminfo"
  expect 2 fit
}
