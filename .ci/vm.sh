#!/bin/bash
# Runs the tests that need a machine of their own (go:build vm: cgroups of version 2 with every
# controller, root) in a virtual one: Debian's kernel, and a root file system in memory that holds
# busybox and the test binaries. It takes the packages qemu-system-x86 and, only downloaded below
# build/vm, linux-image-cloud-amd64 and busybox-static. Where these cannot be had it says
# so and passes over the tests. A processor that can run virtual machines makes it faster.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$PWD/build/vm
pattern=${1:-TestVM|TestMemoryLimit|TestNothing|TestOrphans|TestKeeper|TestServeIsKilled}

over() {
  echo "vm: passed over, $*" >&2
  exit 0
}

[ "$(uname -m)" = x86_64 ] || over "the kernel is one for x86_64"
command -v apt-get >/dev/null || over "packages come from Debian or Ubuntu"
if ! command -v qemu-system-x86_64 >/dev/null; then
  [ "$(id -u)" = 0 ] || over "qemu-system-x86_64 is missing: sudo apt-get install qemu-system-x86"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends qemu-system-x86; } \
    >/dev/null 2>&1 || over "cannot install qemu-system-x86"
fi

# unpacked NAME PACKAGE: the files of a package are in $dir/NAME.
unpacked() {
  [ -d "$dir/$1" ] && return
  rm -rf "$dir/new" && mkdir -p "$dir/new"
  (cd "$dir/new" && apt-get download -qq "$2" 2>/dev/null && dpkg -x ./*.deb files) ||
    over "cannot download $2"
  mv "$dir/new/files" "$dir/$1"
}

# An Ubuntu has no package of that name; its own kernels would do, too.
image=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
  sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -1)
[ -n "$image" ] || over "there is no package linux-image-cloud-amd64"
unpacked kernel "$image"
unpacked busybox busybox-static

root=$dir/root
rm -rf "$root" && mkdir -p "$root"/{bin,proc,sys,dev,tmp,tests}
cp "$(find "$dir/busybox" -path "*bin/busybox")" "$root/bin/busybox"
for package in client/process server cmd/mcploop; do
  CGO_ENABLED=0 "${GO:-go}" test -c -tags vm -trimpath -ldflags=-s \
    -o "$root/tests/${package//\//-}" "./$package"
done
sed "s~@PATTERN@~$pattern~" .ci/vm-init.sh >"$root/init"
chmod 755 "$root/init"
(cd "$root" && find . | bin/busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$dir/initrd"

accel=(-accel 'tcg,thread=multi' -cpu max)
if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then accel=(-accel kvm -cpu host); fi
echo "vm: ${accel[1]}, $image"
timeout -k 5 600 qemu-system-x86_64 -M q35 "${accel[@]}" -m 2048 -smp 2 -nodefaults \
  -no-user-config -display none -no-reboot -serial stdio \
  -kernel "$(echo "$dir"/kernel/boot/vmlinuz-*)" -initrd "$dir/initrd" \
  -append 'console=ttyS0 quiet loglevel=1 panic=-1 reboot=t' \
  </dev/null | tr -d '\r' | tee "$dir/log"
if ! grep -q '^vm: status 0$' "$dir/log"; then
  echo "vm: FAILED; all that it said is in $dir/log" >&2
  exit 1
fi
