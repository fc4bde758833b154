#!/bin/sh
# A switch that none of us wrote: a Linux bridge with N ports in a network namespace, for squall to measure.
#
#     scripts/lab-netns.sh up [OPTIONS]          makes it
#     scripts/lab-netns.sh run COMMAND…          runs a command in it: scripts/lab-netns.sh run squall run …
#     scripts/lab-netns.sh set [OPTIONS]         changes what its ports do, with counters at zero
#     scripts/lab-netns.sh status                prints its interfaces, and its counters as JSON
#     scripts/lab-netns.sh down                  removes it, and all that was in it; nothing that it has not made
#
#   --name NAME         the namespace; squall
#   --ports N           ports, 2 to 64; 5
#   --mtu BYTES         MTU of everything; 4200, a full packet at PMTU 4096 and some room
#   --only "sw1 sw2"    ports to which the following apply; the last one
#   --drain RATE        rate at which they send (80mbit); none: as fast as they can
#   --limit SIZE        what waits for that at most, in bytes (300kb); 4mb
#   --cir BITS          with --cbs: they mark CE what finds no tokens in a bucket that fills with so many bits a second
#   --cbs BYTES         and holds so many bytes of IP packets; more than a second of --cir
#
# Needs root. squallI is an interface for squall, swI the port of bridge br0 that it is plugged into, from I = 0 on:
# testbeds/kernel-switch.yaml and testbeds/af-packet.yaml have these names. Nothing in the lab reaches the host's own
# interfaces. The bridge's ports are configured and read by hooks/kernel-switch, as by `squall sweep`.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
hook=$here/hooks/kernel-switch

fail() {
    echo "lab-netns.sh: $*" >&2
    exit 2
}

usage() {
    sed -n '2,/^set -eu/s/^#$//p; 2,/^set -eu/s/^# //p' "$0"
}

number() {
    case $2 in
        '' | *[!0-9]*) fail "$1 is '$2', which is no whole number" ;;
    esac
}

[ $# -gt 0 ] || {
    usage >&2
    exit 2
}
order=$1
shift
name=squall ports=5 mtu=4200 only='' drain='' limit=4mb cir='' cbs=''
while [ $# -gt 0 ]; do
    case $1 in
        --name | --ports | --mtu | --only | --drain | --limit | --cir | --cbs)
            [ $# -ge 2 ] || fail "$1 needs a value"
            ;;
        --)
            shift
            break
            ;;
        -*) fail "there is no option $1; scripts/lab-netns.sh help" ;;
        # What follows "run" is a command and its own options.
        *) break ;;
    esac
    case $1 in
        --name) name=$2 ;;
        --ports) ports=$2 ;;
        --mtu) mtu=$2 ;;
        --only) only=$2 ;;
        --drain) drain=$2 ;;
        --limit) limit=$2 ;;
        --cir) cir=$2 ;;
        --cbs) cbs=$2 ;;
    esac
    shift 2
done
case $name in
    '' | *[!A-Za-z0-9_-]*) fail "--name is '$name': letters, digits, - and _ are allowed" ;;
esac
number --ports "$ports"
if [ "$ports" -lt 2 ] || [ "$ports" -gt 64 ]; then
    fail "--ports is $ports: 2 to 64 are allowed"
fi
number --mtu "$mtu"
if [ "$mtu" -lt 1280 ] || [ "$mtu" -gt 65535 ]; then
    fail "--mtu is $mtu: 1280 to 65535 are allowed"
fi
if [ -n "$cir$cbs" ]; then
    number --cir "$cir"
    number --cbs "$cbs"
fi
[ "$order" = run ] || [ $# -eq 0 ] || fail "'$1' is no option"

# On the bridge of a lab: what this script may remove.
mark='lab of squall'

exists() {
    ip netns list | cut -d ' ' -f 1 | grep -qxF "$name"
}

inside() {
    ip netns exec "$name" "$@"
}

need() {
    for program in "$@"; do
        command -v "$program" >/dev/null || fail "there is no $program here; scripts/setup.sh installs it"
    done
    [ "$(id -u)" -eq 0 ] || fail "network namespaces need root: sudo $0 $order"
}

lab() {
    exists || fail "there is no lab '$name'; scripts/lab-netns.sh up --name $name"
}

# The hook, as a sweep runs it.
switch() {
    inside env SQUALL_HOOK="$1" SQUALL_DEVICE_PORTS="$only" SQUALL_DEVICE_DRAIN="$drain" SQUALL_DEVICE_LIMIT="$limit" \
        SQUALL_ECN_CIR_BPS="$cir" SQUALL_ECN_CBS_BYTES="$cbs" "$hook"
}

# Ports that have something set: those that count.
counting() {
    inside nft list tables | sed -n 's/^table netdev squall$/yes/p' | grep -q yes || return 0
    inside nft list table netdev squall | sed -n 's/.*counter out_\([A-Za-z0-9_]*\) {.*/\1/p' | tr '\n' ' '
}

case $order in
    up)
        need ip tc nft
        ! exists || fail "there is a lab '$name' already; scripts/lab-netns.sh down --name $name removes it"
        [ -n "$only" ] || only=sw$((ports - 1))
        # Half a lab helps nobody. A signal waits until there is a namespace, or none; and dash runs what is for EXIT
        # when it exits of itself, not when a signal ends it.
        stopped=''
        trap 'stopped=129' HUP
        trap 'stopped=130' INT
        trap 'stopped=143' TERM
        (
            trap '' HUP INT TERM
            exec ip netns add "$name"
        )
        trap 'trap "" HUP INT TERM; ip netns del "$name"' EXIT
        trap 'exit 129' HUP
        trap 'exit 130' INT
        trap 'exit 143' TERM
        [ -z "$stopped" ] || exit "$stopped"
        # The kernel's own IPv6 frames would be counted with the traffic.
        inside sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        inside ip link add br0 type bridge mcast_snooping 0
        inside ip link set br0 mtu "$mtu" alias "$mark" up
        port=0
        while [ "$port" -lt "$ports" ]; do
            inside ip link add "squall$port" mtu "$mtu" type veth peer name "sw$port" mtu "$mtu"
            inside ip link set "sw$port" master br0 up
            inside ip link set "squall$port" up
            port=$((port + 1))
        done
        switch before
        trap - EXIT HUP INT TERM
        ;;
    set)
        need ip tc nft
        lab
        [ -n "$only" ] || only=$(counting)
        switch before
        ;;
    status)
        need ip tc nft
        lab
        inside ip -br link show >&2
        [ -n "$only" ] || only=$(counting)
        switch after
        ;;
    run)
        need ip
        lab
        [ $# -gt 0 ] || fail "run what? scripts/lab-netns.sh run squall run …"
        exec ip netns exec "$name" "$@"
        ;;
    down)
        need ip
        exists || exit 0
        inside ip link show dev br0 2>/dev/null | grep -qxF "    alias $mark" ||
            fail "'$name' is no lab that this script has made: remove it yourself if it is yours (ip netns del $name)"
        # Interfaces go with their namespace, and that goes when nobody is in it any more.
        left=$(ip netns pids "$name" | tr '\n' ' ')
        [ -z "$left" ] || fail "processes run in '$name' still: $left"
        ip netns del "$name"
        ;;
    help | -h | --help) usage ;;
    *) fail "'$order' is not one of up, run, set, status, down, help" ;;
esac
