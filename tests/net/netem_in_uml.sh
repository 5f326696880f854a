#!/usr/bin/env bash
# Runs net_netem of build/release inside user-mode Linux, whose kernel has tc netem where this machine's has not.
#
#   tests/net/netem_in_uml.sh [flags of net_netem]
#
# Debian's kernel is unpacked in build/uml; nothing is installed. Its file system is this machine's, read-only. It has
# one processor and closes no connections for `ss -K`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
test_program=$PWD/build/release/bin/net_netem
uml=$PWD/build/uml
[[ -x $test_program ]] || { echo "build net_netem first: ./run build release" >&2; exit 1; }

mkdir -p "$uml"
if [[ ! -x $uml/usr/bin/linux.uml ]]; then
    (cd "$uml" && apt-get -q download user-mode-linux kmod && for each in *.deb; do dpkg -x "$each" .; done)
fi

cat >"$uml/init" <<INIT
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin TEST_TMPDIR=/run/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /run
cp -a /etc /run/etc 2>/dev/null
mount --bind /run/etc /etc
mkdir /etc/netns /run/netns 2>/dev/null
for module in drivers/net/{tun,veth} net/sched/{sch_netem,sch_htb,sch_tbf,cls_u32}; do
    $uml/bin/insmod $uml/usr/lib/uml/modules/\$(uname -r)/kernel/\$module.ko
done
ip link set lo up
echo "user-mode Linux \$(uname -r)"
$test_program $*
echo "net_netem ended with \$?"
echo o >/proc/sysrq-trigger
sleep 5
INIT
chmod +x "$uml/init"
ln -sf kmod "$uml/bin/insmod"

timeout 300 "$uml/usr/bin/linux.uml" mem=512M quiet root=/dev/root rootfstype=hostfs rootflags=/ ro init="$uml/init" \
    con=null con0=fd:0,fd:1 </dev/null 2>&1 | sed -n '/^user-mode Linux/,/ended with/p' | tee "$uml/log"
grep -q 'net_netem ended with 0' "$uml/log"
