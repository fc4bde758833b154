#!/usr/bin/env bash
# A virtual machine with two Intel 82576 ports (driver igb) that have time stamp registers, for squall to
# run on through a real PCI driver: QEMU, Debian's cloud kernel, an initramfs with the program in it.
#
#     scripts/vm-igb.sh prepare
#         fetches and builds what a guest needs, once; see below
#     scripts/vm-igb.sh run --binary PROGRAM --job FOLDER --out FOLDER [--icount] [--capture FILE]
#                           [--timeout SECONDS]
#         boots a guest, runs FOLDER/run in it (a sh script; PROGRAM is /usr/bin/squall there) and puts
#         what it has written to /out into the out folder, with its stdout, stderr and status; QEMU
#         writes what passes the hub into the capture file
#     scripts/vm-igb.sh check
#         says whether this machine can do that, and what is missing
#
# The ports are 0000:01:00.0 and 0000:02:00.0, joined by a hub, and bound to vfio-pci. Everything is kept
# below target/vm-igb; nothing of the system is changed, and nothing is left running. No KVM is needed.
# With --icount the guest's time advances with its instructions alone: what it measures repeats exactly.
#
# Debian builds its igb driver without RTE_LIBRTE_IEEE1588: it takes receive stamps but asks for no
# transmit stamps. So the driver is built again from the distribution's own source package, with that
# switch on and nothing else changed.
set -euo pipefail
cd "$(dirname "$0")/.."

kept=${CARGO_TARGET_DIR:-target}/vm-igb
mkdir -p "$kept"
kept=$(cd "$kept" && pwd)

fail() {
    echo "vm-igb.sh: $*" >&2
    exit 1
}

# shellcheck source=scripts/vm-parts.sh
. scripts/vm-parts.sh

# Whether the tools are there; a line that says what is not.
check() {
    local program missing=
    for program in qemu-system-x86_64 gcc pkg-config dpkg-deb apt-get cpio strip flock timeout setpriv depmod modprobe; do
        command -v "$program" >/dev/null || missing="$missing $program"
    done
    [ -x /usr/bin/busybox ] || [ -x /bin/busybox ] || missing="$missing busybox"
    if [ -n "$missing" ]; then
        echo "missing:$missing (scripts/setup.sh installs them)"
        return 1
    fi
    # Here-strings: a reader that stops early would otherwise end the writer, which pipefail minds.
    if ! grep -q '"igb"' <<<"$(qemu-system-x86_64 -device help 2>&1)"; then
        echo "QEMU here is $(qemu-system-x86_64 --version | head -n 1 | cut -d ' ' -f 4) and has no igb device; 8.1 or later has (Debian 13; Debian 12 with backports: scripts/setup.sh)"
        return 1
    fi
    [ "$(uname -m)" = x86_64 ] || {
        echo "this is $(uname -m); the guest runs what was built here, and is x86_64"
        return 1
    }
}

# The driver, from the source package of the DPDK that is installed.
build_driver() {
    local version
    version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev 2>/dev/null) ||
        fail "DPDK is not the distribution's: its driver cannot be built again with time stamps"
    [ "$(cat "$kept/driver/version" 2>/dev/null)" = "$version" ] && return
    rm -rf "$kept/driver"
    mkdir -p "$kept/driver/objects"
    (
        scripts=$PWD/scripts
        cd "$kept/driver"
        "$scripts/apt-with.sh" "$kept/apt" source apt-get source -q --download-only "dpdk=$version" >download.log 2>&1 ||
            fail "cannot fetch the source package dpdk $version: $(tail -n 1 download.log)"
        mkdir tree
        tar -C tree --strip-components=1 -xf dpdk_*.orig.tar.* --wildcards '*/drivers/net/e1000/*' \
            '*/drivers/bus/pci/*' '*/drivers/bus/vdev/*' '*/lib/*.h'
        cd tree
        read -ra flags < <(pkg-config --cflags libdpdk)
        flags+=(-O2 -fPIC -w -DALLOW_INTERNAL_API -DALLOW_EXPERIMENTAL_API -DRTE_LIBRTE_IEEE1588)
        flags+=(-DRTE_LOG_DEFAULT_LOGTYPE=pmd.net.e1000 -Ilib/eal/include -Idrivers/bus/pci -Idrivers/net/e1000 -Idrivers/net/e1000/base)
        for folder in lib/*/; do flags+=("-I$folder"); done
        export flags_text="${flags[*]}"
        # shellcheck disable=SC2016 # expanded by the inner shell
        printf '%s\n' drivers/net/e1000/*.c drivers/net/e1000/base/*.c |
            xargs -P "$(nproc)" -I{} sh -c 'gcc $flags_text -c "{}" -o "../objects/$(basename "{}" .c).o"' \
                >../compile.log 2>&1 || fail "the driver does not compile: $(grep -m 1 error "$kept/driver/compile.log")"
        cd ..
        gcc -shared -o driver.so objects/*.o -Wl,-soname,"$(basename "$(driver_path)" | sed 's/\.[0-9]*$//')" \
            -lrte_ethdev -lrte_eal -lrte_mbuf -lrte_mempool -lrte_ring -lrte_kvargs -lrte_bus_pci
        rm -rf tree objects dpdk_*
        echo "$version" >version
    )
}

# The distribution's driver, as "…/pmds-23.0/librte_net_e1000.so.23.0": EAL takes no other ending.
driver_path() {
    local path
    path=$(readlink -f "$(pkg-config --variable=libdir libdpdk)"/dpdk/pmds-*/librte_net_e1000.so)
    [ -f "$path" ] || fail "DPDK's driver librte_net_e1000 is not installed (package librte-net-e1000 or dpdk)"
    echo "$path"
}

# All that stays the same from guest to guest but for the program.
build_base() {
    local base=$kept/base drivers file
    [ "$kept/base.cpio" -nt "$kept/driver/version" ] && [ "$kept/base.cpio" -nt "$kept/kernel/done" ] &&
        [ "$kept/base.cpio" -nt scripts/vm-igb.sh ] &&
        [ "$kept/base.cpio" -nt scripts/vm-igb/init ] && [ "$kept/base.cpio" -nt scripts/vm-igb/rearm.c ] && return
    rm -rf "$base"
    mkdir -p "$base"/{bin,proc,sys,dev,usr/lib,usr/bin}
    ln -s usr/lib "$base/lib"
    ln -s usr/lib64 "$base/lib64"
    mkdir -p "$base/usr/lib64"
    cp "$(command -v busybox)" "$base/bin/busybox"
    cp scripts/vm-igb/init "$base/init"
    chmod +x "$base/init"
    cp -r "$kept/kernel/modules" "$base/modules"
    gcc -O2 -Wall -shared -fPIC -o "$base/usr/lib/rearm.so" scripts/vm-igb/rearm.c
    drivers=$(dirname "$(driver_path)")
    mkdir -p "$base$drivers"
    cp "$kept/driver/driver.so" "$base$drivers/$(basename "$(driver_path)")"
    for file in bus_pci bus_vdev mempool_ring; do
        cp -a "$drivers/librte_$file".so* "$base$drivers/"
    done
    # A Debian busybox may be the dynamic one.
    copy_libraries "$base" "$base/bin/busybox" "$base/usr/lib/rearm.so" "$base$drivers"/*.so.*
    pack "$base" "$kept/base.cpio"
    rm -rf "$base"
}

prepare() {
    local why
    why=$(check) || fail "$why"
    # One at a time: tests run side by side.
    exec 9>"$kept/lock"
    flock 9
    # vfio_virqfd is a part of vfio in newer kernels.
    fetch_kernel linux-image-cloud-amd64 irqbypass vfio vfio_virqfd vfio_iommu_type1 vfio-pci-core vfio-pci
    build_driver
    build_base
    exec 9>&-
}

# Starts a guest and waits until its job begins: then `guest` is its process. Ends the guest and fails when
# it does not get so far.
boot() {
    rm -f "$work/console" "$work/out.tar.gz"
    # Whatever becomes of this script, QEMU ends with it.
    setpriv --pdeathsig TERM timeout -k 5 $((boot_seconds + seconds + 30)) \
        setpriv --pdeathsig KILL "$@" </dev/null 2>"$work/qemu" &
    guest=$!
    local until=$((SECONDS + boot_seconds))
    while [ "$SECONDS" -lt "$until" ]; do
        if grep -q 'init: the job begins' "$work/console" 2>/dev/null; then
            return 0
        fi
        kill -0 "$guest" 2>/dev/null || break
        sleep 0.1
    done
    give_up
    return 1
}

# Ends the guest and waits until it has ended.
give_up() {
    kill "$guest" 2>/dev/null || true
    wait "$guest" || true
    guest=
}

# The folder of a run and the process of its guest: the end of this script, whatever brings it, finds them here.
work='' guest=''

# Nothing stays behind. The guest ends first: it would write into a folder that is on its way out.
clear_up() {
    [ -z "$guest" ] || give_up
    rm -rf "$work"
}

# Waits until the guest has ended. Ends it and fails when the timer of one of its processors no longer runs
# while the job does: then whatever waits there waits for ever, and that is QEMU's fault and not the job's.
attend() {
    local processor count silent_since=("$SECONDS" "$SECONDS") beats=(0 0)
    while kill -0 "$guest" 2>/dev/null; do
        sleep 0.2
        [ "$icount" = no ] || continue
        grep -q 'init: the job has ended' "$work/console" && continue
        for processor in 0 1; do
            count=$(grep -c "init: beat of processor $processor" "$work/console") || true
            if [ "$count" -ne "${beats[processor]}" ]; then
                beats[processor]=$count
                silent_since[processor]=$SECONDS
            elif [ $((SECONDS - silent_since[processor])) -ge "$silence" ]; then
                give_up
                return 1
            fi
        done
    done
    wait "$guest" || status=$?
    guest=
}

run() {
    local binary='' job='' out='' seconds=300 icount=no capture=()
    while [ $# -gt 0 ]; do
        case "$1" in
        --binary) binary=$2 && shift ;;
        --job) job=$2 && shift ;;
        --out) out=$2 && shift ;;
        --timeout) seconds=$2 && shift ;;
        --icount) icount=yes ;;
        --capture) capture=(-object "filter-dump,id=dump,netdev=hub0,maxlen=65536,file=$2") && shift ;;
        *) fail "unknown argument \"$1\"" ;;
        esac
        shift
    done
    [ -x "$binary" ] || fail "--binary: there is no program \"$binary\""
    [ -f "$job/run" ] || fail "--job: there is no script \"$job/run\""
    [ -n "$out" ] || fail "--out: where is what the guest writes to go?"
    prepare

    work=$(mktemp -d)
    trap clear_up EXIT
    mkdir -p "$work/own/usr/bin" "$work/own/job" "$out"
    strip -o "$work/own/usr/bin/squall" "$binary"
    copy_libraries "$work/own" "$work/own/usr/bin/squall"
    cp -r "$job/." "$work/own/job/"
    chmod +x "$work/own/job/run"
    echo "$seconds" >"$work/own/job/timeout"
    [ "$icount" = yes ] || touch "$work/own/job/beats"
    pack "$work/own" "$work/own.cpio"
    cat "$kept/base.cpio" "$work/own.cpio" >"$work/initrd"

    # Booting takes 5 s on a free machine.
    # shellcheck disable=SC2054 # QEMU's own commas
    local machine=(-smp 2 -accel tcg,thread=multi -cpu max) boot_seconds=60 silence=30
    # A periodic tick instead of single timers: on a busy host QEMU now and then loses one of the second
    # processor's, and whoever waits for it waits for ever. And no check at boot that counts ticks.
    local kernel='highres=off nohz=off no_timer_check'
    if [ "$icount" = yes ]; then
        # One instruction is 4 ns. Nothing that differs from boot to boot may reach the guest.
        # shellcheck disable=SC2054
        machine=(-smp 1 -accel tcg,thread=single -icount shift=2,sleep=off -seed 1 -rtc base=2020-01-01,clock=vm)
        # shellcheck disable=SC2054
        machine+=(-cpu max,rdrand=off,rdseed=off)
        kernel='nokaslr norandmaps'
        boot_seconds=180
    fi
    # shellcheck disable=SC2054
    local qemu=(qemu-system-x86_64 -M q35,kernel-irqchip=split "${machine[@]}" -m 1536
        -nodefaults -no-user-config -no-reboot -display none -monitor none
        -serial "file:$work/console" -serial "file:$work/out.tar.gz"
        -device intel-iommu,intremap=on
        -netdev hubport,id=hub0,hubid=0 -netdev hubport,id=hub1,hubid=0
        -device pcie-root-port,id=root0,chassis=1,slot=1 -device igb,bus=root0,netdev=hub0,mac=52:54:00:00:00:01
        -device pcie-root-port,id=root1,chassis=2,slot=2 -device igb,bus=root1,netdev=hub1,mac=52:54:00:00:00:02
        "${capture[@]}"
        -kernel "$kept/kernel/vmlinuz" -initrd "$work/initrd"
        -append "console=ttyS0 quiet panic=-1 intel_iommu=on iommu=pt tsc=reliable iomem=relaxed hugepages=288 mitigations=off $kernel")

    # A guest that a busy host starves while it boots may give up or hang, and one whose timer has stopped
    # hangs later. That has nothing to do with the job: once more, from the beginning.
    local attempt status=0
    for attempt in 1 2 3; do
        if ! boot "${qemu[@]}"; then
            echo "vm-igb.sh: the guest has not booted (attempt $attempt of 3; it has $boot_seconds s)" >&2
        elif ! attend; then
            echo "vm-igb.sh: a timer of the guest has stopped for $silence s (attempt $attempt of 3)" >&2
        else
            break
        fi
    done
    if ! tar -C "$out" -xzf "$work/out.tar.gz" 2>/dev/null || [ ! -f "$out/status" ]; then
        echo "vm-igb.sh: the guest has left no result (QEMU's exit status $status; 124: out of time). Its console ended with:" >&2
        cat "$work/qemu" >&2
        tail -n 40 "$work/console" >&2 || true
        exit 1
    fi
    cp "$work/console" "$out/console"
    return "$(cat "$out/status")"
}

command=${1-}
[ $# -gt 0 ] && shift
case "$command" in
check) check ;;
prepare) prepare ;;
run) run "$@" ;;
*) fail "usage: scripts/vm-igb.sh check | prepare | run …" ;;
esac
