#!/bin/busybox sh
# shellcheck shell=dash
# The first process of the virtual machine of vm.sh: it runs each test binary, and ends it.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp TMPDIR=/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
echo
failed=0
cd /tests || failed=1
for test in ./*; do
  echo "== $test"
  "$test" -test.v -test.timeout 300s -test.run '^(@PATTERN@)' >/tmp/out 2>&1 </dev/null || failed=1
  grep -E '^(---|===) *(RUN|PAUSE|CONT)' -v /tmp/out
done
echo "vm: status $failed"
reboot -f
