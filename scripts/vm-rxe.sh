#!/usr/bin/env bash
# A RoCEv2 endpoint that is not squall's: Linux's soft-RoCE (rdma_rxe) in a virtual machine, for squall to talk to.
#
#     scripts/vm-rxe.sh check
#         says whether this machine can do that, and what is missing
#     scripts/vm-rxe.sh prepare
#         fetches and builds what a guest needs, once: Debian's kernel, unpacked and not installed, and an initramfs
#     scripts/vm-rxe.sh run FOLDER [SECONDS]
#         boots a guest in a network namespace of its own and ends with it: when FOLDER/share/stop is made, when it is
#         told to (SIGTERM), or after so many seconds (300)
#
# The guest is 10.99.0.1 and fd99::1 with the MAC 52:54:00:99:00:01, at the far end of the tap interface `tap0`. The host's end
# of the network is 10.99.0.100 and fd99::64 with 52:54:00:99:00:64, the interface `peer`: what passes between the two goes
# through scripts/vm-rxe/wire.py, which is to be started there. FOLDER/namespace is the process whose namespaces they are
# in (nsenter -t … -n -m), FOLDER/share the guest's /share: see scripts/vm-rxe/init. rcqp is the program of the guest's that
# has QPs.
#
# Needs root and /dev/net/tun. Everything is kept below target/vm-rxe; nothing of the system is changed, and nothing is left
# running. No KVM is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

kept=${CARGO_TARGET_DIR:-target}/vm-rxe
mkdir -p "$kept"
kept=$(cd "$kept" && pwd)

fail() {
    echo "vm-rxe.sh: $*" >&2
    exit 1
}

# shellcheck source=scripts/vm-parts.sh
. scripts/vm-parts.sh

# Whether the tools are there; a line that says what is not.
check() {
    local program missing=
    for program in qemu-system-x86_64 gcc dpkg-deb apt-get cpio flock timeout setpriv depmod modprobe unshare ip rdma python3; do
        command -v "$program" >/dev/null || missing="$missing $program"
    done
    [ -x /usr/bin/busybox ] || [ -x /bin/busybox ] || missing="$missing busybox"
    [ -f /usr/include/infiniband/verbs.h ] || missing="$missing infiniband/verbs.h"
    [ -n "$(provider)" ] || missing="$missing librxe"
    if [ -n "$missing" ]; then
        echo "missing:$missing (scripts/setup.sh installs them)"
        return 1
    fi
    if [ ! -c /dev/net/tun ]; then
        echo "there is no /dev/net/tun"
        return 1
    fi
    [ "$(uname -m)" = x86_64 ] || {
        echo "this is $(uname -m); the guest runs what was built here, and is x86_64"
        return 1
    }
}

# The part of libibverbs that knows soft-RoCE.
provider() {
    find /usr/lib -path '*/libibverbs/librxe-rdmav*.so' -print -quit
}

build_guest() {
    local root=$kept/root file
    for file in "$kept/kernel/done" scripts/vm-rxe.sh scripts/vm-parts.sh scripts/vm-rxe/init scripts/vm-rxe/rcqp.c; do
        [ "$kept/initrd" -nt "$file" ] || break
    done
    [ "$kept/initrd" -nt "$file" ] && return
    rm -rf "$root"
    mkdir -p "$root"/{bin,proc,sys,dev,share,usr/lib,usr/lib64,etc/libibverbs.d}
    ln -s usr/lib "$root/lib"
    ln -s usr/lib64 "$root/lib64"
    cp "$(command -v busybox)" "$root/bin/busybox"
    cp -L "$(command -v ip)" "$(command -v rdma)" "$root/bin/"
    cp scripts/vm-rxe/init "$root/init"
    chmod +x "$root/init"
    cp -r "$kept/kernel/modules" "$root/modules"
    gcc -O2 -Wall -Wextra -Werror -o "$root/bin/rcqp" scripts/vm-rxe/rcqp.c -libverbs
    mkdir -p "$root$(dirname "$(provider)")"
    cp "$(provider)" "$root$(provider)"
    cp /etc/libibverbs.d/rxe.driver "$root/etc/libibverbs.d/"
    copy_libraries "$root" "$root"/bin/* "$(provider)"
    pack "$root" "$kept/initrd"
    rm -rf "$root"
}

prepare() {
    local why
    why=$(check) || fail "$why"
    # One at a time: tests run side by side.
    exec 9>"$kept/lock"
    flock 9
    # Drivers for InfiniBand are not in the cloud kernel.
    fetch_kernel linux-image-amd64 virtio_pci virtio_net 9p 9pnet_virtio crc32_pclmul crc32_generic rdma_rxe
    build_guest
    exec 9>&-
}

run() {
    [ $# -ge 1 ] || fail "run: where is the folder?"
    mkdir -p "$1/share/in"
    local folder
    folder=$(cd "$1" && pwd)
    prepare
    # Whatever becomes of this script, the namespace and the guest end with it.
    exec unshare -nm setpriv --pdeathsig KILL bash "$PWD/scripts/vm-rxe.sh" guest "$folder" "${2-300}"
}

# In the namespace: the network, then the guest.
guest() {
    local folder=$1 seconds=$2
    mount -t sysfs none /sys
    # Nothing but what is sent on purpose.
    echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
    ip link set lo up
    ip tuntap add tap0 mode tap
    ip link add peer address 52:54:00:99:00:64 type veth peer name wire
    for interface in tap0 peer wire; do
        ip link set "$interface" mtu 4500 up
    done
    echo $$ >"$folder/namespace.new"
    mv "$folder/namespace.new" "$folder/namespace"
    # Offloads would let frames leave with checksums that nobody has computed.
    local off=csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,host_tso4=off,host_tso6=off,host_ufo=off
    # shellcheck disable=SC2054 # QEMU's own commas
    local qemu=(qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max -smp 1 -m 512
        -nodefaults -no-user-config -no-reboot -display none -monitor none -serial "file:$folder/console"
        -fsdev "local,id=share,path=$folder/share,security_model=none" -device virtio-9p-pci,fsdev=share,mount_tag=share
        -netdev tap,id=tap,ifname=tap0,script=no,downscript=no
        -device "virtio-net-pci,netdev=tap,mac=52:54:00:99:00:01,host_mtu=4500,$off"
        -kernel "$kept/kernel/vmlinuz" -initrd "$kept/initrd"
        -append "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check random.trust_cpu=on")
    exec timeout -k 5 "$seconds" setpriv --pdeathsig KILL "${qemu[@]}" </dev/null
}

command=${1-}
[ $# -gt 0 ] && shift
case "$command" in
check) check ;;
prepare) prepare ;;
run) run "$@" ;;
guest) guest "$@" ;;
*) fail "usage: scripts/vm-rxe.sh check | prepare | run FOLDER [SECONDS]" ;;
esac
