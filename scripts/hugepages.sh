#!/bin/sh
# Hugepages for DPDK: takes so much memory as hugepages, and mounts hugetlbfs where it is not.
#
#     scripts/hugepages.sh [--node N] [--size 2M|1G] MIB    so many MiB in all; 0 gives all of them back
#     scripts/hugepages.sh                                  what there is
#
# --node N: on this NUMA node, which should be the NIC's (cat /sys/bus/pci/devices/ADDRESS/numa_node).
# --size: of a page; 2M. Pages of each size have a mount of their own: /dev/hugepages, or /dev/hugepages-1G
# where that one is of another size. Pages of 1G are best asked for at boot (hugepagesz=1G hugepages=N): later memory is
# in pieces.
# Needs root. Lasts until the next boot: put vm.nr_hugepages=N into /etc/sysctl.d to have it then, too.
#
# Exit status 1 when the kernel does not find so much memory in one piece; it keeps what it found.
set -eu

# Where sysfs and procfs are; tests look at recorded ones.
root=${SQUALL_HOST_ROOT:-}

fail() {
    echo "hugepages.sh: $*" >&2
    exit 2
}

# Where hugetlbfs is mounted with pages of $1 kB; without $1, with any.
mounted() {
    # Older kernels do not show a mount's size when it is the default one.
    usual=$(sed -n 's/^Hugepagesize: *\([0-9]*\) kB$/\1/p' "$root/proc/meminfo" 2>/dev/null) || usual=''
    awk -v wanted="${1-}" -v usual="${usual:-2048}" '
        $3 != "hugetlbfs" { next }
        {
            size = usual
            if (match($4, /(^|,)pagesize=[0-9]+[KMG]/)) {
                option = substr($4, RSTART, RLENGTH)
                unit = substr(option, length(option))
                sub(/.*=/, "", option)
                # As a number, awk takes the digits and leaves the unit.
                size = option * (unit == "G" ? 1048576 : unit == "M" ? 1024 : 1)
            }
        }
        wanted == "" || wanted + 0 == size + 0 { print $2 }' "$root/proc/mounts"
}

show() {
    for folder in "$root"/sys/kernel/mm/hugepages/hugepages-*kB; do
        [ -d "$folder" ] || fail "this kernel has no hugepages (CONFIG_HUGETLBFS)"
        size=${folder##*/hugepages-}
        echo "pages of $size: $(cat "$folder/nr_hugepages"), free $(cat "$folder/free_hugepages")"
    done
    for folder in "$root"/sys/devices/system/node/node*/hugepages/hugepages-*kB; do
        [ -d "$folder" ] || continue
        node=${folder#"$root"/sys/devices/system/node/}
        echo "  ${node%%/*}: pages of ${folder##*/hugepages-}: $(cat "$folder/nr_hugepages"), free $(cat "$folder/free_hugepages")"
    done
    where=$(mounted | tr '\n' ' ')
    where=${where% }
    echo "mounted: ${where:-nowhere}"
}

node='' size=2048 unit=2M mib=''
while [ $# -gt 0 ]; do
    case $1 in
        --node)
            [ $# -ge 2 ] || fail "--node needs a number"
            node=$2
            shift
            ;;
        --size)
            case ${2-} in
                2M) size=2048 unit=2M ;;
                1G) size=1048576 unit=1G ;;
                *) fail "--size is 2M or 1G" ;;
            esac
            shift
            ;;
        -h | --help)
            sed -n '2,/^set -eu/s/^#$//p; 2,/^set -eu/s/^# //p' "$0"
            exit 0
            ;;
        *)
            [ -z "$mib" ] || fail "'$1' is too much: one number of MiB"
            mib=$1
            ;;
    esac
    shift
done
if [ -z "$mib" ]; then
    show
    exit 0
fi
case $mib in *[!0-9]*) fail "'$mib' is no number of MiB" ;; esac
case $node in *[!0-9]*) fail "--node is '$node', which is no number" ;; esac
pages=$(((mib * 1024 + size - 1) / size))
if [ -n "$node" ]; then
    folder=$root/sys/devices/system/node/node$node/hugepages/hugepages-${size}kB
else
    folder=$root/sys/kernel/mm/hugepages/hugepages-${size}kB
fi
[ -d "$folder" ] || fail "there is no $folder: no such node, or no pages of that size"
[ -w "$folder/nr_hugepages" ] || fail "that takes root: sudo $0"
before=$(cat "$folder/nr_hugepages")
echo "$pages" >"$folder/nr_hugepages"
after=$(cat "$folder/nr_hugepages")
if [ "$pages" -gt 0 ] && [ -z "$(mounted "$size")" ]; then
    where=/dev/hugepages
    ! mounted | grep -qxF "$where" || where=/dev/hugepages-$unit
    mkdir -p "$root$where"
    mount -t hugetlbfs -o pagesize="$unit" nodev "$root$where"
fi
if [ "$after" -lt "$pages" ]; then
    echo "hugepages.sh: the kernel found $after of $pages pages (there were $before); ask right after boot, or with \
hugepages=$pages on the kernel's command line" >&2
    exit 1
fi
if [ "$after" -gt "$pages" ]; then
    echo "hugepages.sh: $after pages stay, since $((after - pages)) of them are in use; end what uses them, or delete its \
files below $(mounted "$size" | head -n 1)" >&2
    exit 1
fi
show
