#!/bin/sh
# Gives a NIC to DPDK, by vfio-pci, or back to the kernel.
#
#     scripts/bind-nic.sh ADDRESS…             binds them to vfio-pci
#     scripts/bind-nic.sh --back ADDRESS…      gives them back to the kernel's driver
#     scripts/bind-nic.sh                      lists what there is
#
# ADDRESS is a PCI address, as 0000:3b:00.0 or 3b:00.0. A NIC is the host's own, and refused, when its interface has an
# address, carries a route, is part of a bridge or bond or has a VLAN or macvlan on top of it, or when that cannot be
# told for want of iproute2. So is one without an IOMMU, unless vfio is told to do without
# (echo Y > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode: no protection from what the NIC writes).
# mlx5, mlx4 and mana stay with their kernel driver, which shares the NIC with DPDK: nothing is bound.
#
# Needs root. Lasts until the next boot. `squall doctor -a ADDRESS` says what else is to be done.
set -eu

# Where sysfs and procfs are; tests look at recorded ones.
root=${SQUALL_HOST_ROOT:-}
bus=$root/sys/bus/pci

fail() {
    echo "bind-nic.sh: $*" >&2
    exit 2
}

driver() {
    if [ -e "$bus/devices/$1/driver" ]; then
        basename "$(readlink "$bus/devices/$1/driver")"
    fi
}

# A virtio NIC's interface is that of the device below.
interfaces() {
    for folder in "$bus/devices/$1"/net/* "$bus/devices/$1"/virtio*/net/*; do
        [ -e "$folder" ] && basename "$folder"
    done
    return 0
}

list() {
    for device in "$bus"/devices/*; do
        [ -e "$device/class" ] || continue
        case $(cat "$device/class") in 0x02*) ;; *) continue ;; esac
        address=$(basename "$device")
        echo "$address driver $(driver "$address" | grep . || echo none) interface $(interfaces "$address" | tr '\n' ' ' |
            grep . || echo none)"
    done
}

# Why the host needs an interface; nothing when it does not. Fails when that cannot be told: not to know is no reason
# to take it away.
in_use() {
    command -v ip >/dev/null || fail "there is no ip here, which tells whether the host uses $1: install iproute2"
    held=$(ip -o addr show dev "$1" scope global) || fail "ip does not tell the addresses of $1"
    routes=$(ip route show table all dev "$1") || fail "ip does not tell the routes over $1"
    if [ -n "$held" ]; then
        echo "it has an address"
        return
    fi
    if printf '%s\n' "$routes" | grep -v -e '^local ' -e '^broadcast ' -e '^multicast ' -e '^ff00::/8' -e '^fe80::' |
        grep -q .; then
        echo "it carries a route"
        return
    fi
    if [ -e "$root/sys/class/net/$1/master" ]; then
        echo "it is part of $(basename "$(readlink "$root/sys/class/net/$1/master")")"
        return
    fi
    # Of a link only its name counts: what it leads to may be in another namespace.
    for upper in "$root/sys/class/net/$1"/upper_*; do
        if [ -e "$upper" ] || [ -L "$upper" ]; then
            echo "${upper##*/upper_} is on top of it"
            return
        fi
    done
}

back=no
case ${1-} in
    -h | --help)
        sed -n '2,/^set -eu/s/^#$//p; 2,/^set -eu/s/^# //p' "$0"
        exit 0
        ;;
    --back)
        back=yes
        shift
        [ $# -gt 0 ] || fail "--back of what? an address"
        ;;
    -*) fail "there is no option $1; scripts/bind-nic.sh --help" ;;
    '')
        list
        exit 0
        ;;
esac

# Everything is looked at before anything is changed.
addresses=
for address in "$@"; do
    case $address in
        *[!0-9a-fA-F:.]*) fail "'$address' is no PCI address, such as 0000:3b:00.0" ;;
        *:*:*.*) ;;
        *:*.*) address=0000:$address ;;
        *) fail "'$address' is no PCI address, such as 0000:3b:00.0" ;;
    esac
    device=$bus/devices/$address
    [ -e "$device/class" ] || fail "there is no PCI device $address; scripts/bind-nic.sh lists them"
    case $(cat "$device/class") in 0x02*) ;; *) fail "$address is no network device (class $(cat "$device/class"))" ;; esac
    case $(driver "$address") in
        mlx4_core | mlx5_core | mana)
            echo "bind-nic.sh: $address stays with $(driver "$address"), which shares it with DPDK: nothing to bind" >&2
            continue
            ;;
    esac
    if [ $back = no ]; then
        for interface in $(interfaces "$address"); do
            why=$(in_use "$interface") || exit 2
            [ -z "$why" ] || fail "$address is $interface, which this host uses: $why. Take that away first, if it is safe"
        done
        if [ ! -e "$device/iommu_group" ] &&
            [ "$(cat "$root/sys/module/vfio/parameters/enable_unsafe_noiommu_mode" 2>/dev/null)" != Y ]; then
            fail "there is no IOMMU for $address: switch it on in the firmware and boot with intel_iommu=on iommu=pt or \
amd_iommu=on; or do without its protection: modprobe vfio enable_unsafe_noiommu_mode=1"
        fi
    fi
    addresses="$addresses $address"
done
[ -n "$addresses" ] || exit 0
if [ $back = no ] && [ ! -e "$bus/drivers/vfio-pci" ]; then
    modprobe vfio-pci || fail "vfio-pci does not load; does this kernel have it?"
fi
for address in $addresses; do
    device=$bus/devices/$address
    [ -w "$device/driver_override" ] || fail "that takes root: sudo $0 $*"
    # The driver that the kernel may probe it with; an empty one: any that knows it.
    if [ $back = no ]; then
        [ "$(driver "$address")" != vfio-pci ] || continue
        echo vfio-pci >"$device/driver_override"
    else
        echo >"$device/driver_override"
    fi
    [ ! -e "$device/driver" ] || echo "$address" >"$device/driver/unbind"
    echo "$address" >"$bus/drivers_probe"
done
failed=0
for address in $addresses; do
    now=$(driver "$address")
    echo "$address driver ${now:-none}"
    if [ $back = no ] && [ "$now" != vfio-pci ]; then
        echo "bind-nic.sh: $address did not go to vfio-pci; dmesg says why" >&2
        failed=1
    fi
done
exit $failed
