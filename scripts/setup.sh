#!/bin/sh
# Installs what squall needs to be built, run and tested on Debian 12, 13 or later (and on Ubuntu
# releases of that age): packages by apt, and Rust by rustup where there is no cargo yet.
#
#     scripts/setup.sh            everything
#     scripts/setup.sh --build    only what building and running needs, not the tests' tools
#
# Asks nothing, may be run again at any time, and touches nothing when nothing is missing. It leaves
# hugepages, NIC bindings and kernel settings alone: `squall doctor` says what would help there.
set -eu

# Oldest Rust that builds squall: `rust-version` in Cargo.toml.
RUST_NEEDED=1.88

# DPDK's headers, libraries and drivers; bindgen's libclang; a C compiler for the shim.
BUILD_PACKAGES="dpdk dpdk-dev libdpdk-dev pkg-config gcc libc6-dev clang libclang-dev git ca-certificates"
# Network namespaces, bridges, queues and captures; independent readers of what squall writes: frames
# (tshark), and the suite's page (chromium, with letters to measure); shellcheck reads the scripts, and
# shells their completions; valgrind counts instructions.
TEST_PACKAGES="g++ iproute2 nftables tcpdump tshark chromium fonts-dejavu-core python3 procps util-linux shellcheck zsh fish mold valgrind"
# Virtual machines: one with an emulated NIC (scripts/vm-igb.sh), one with soft-RoCE (scripts/vm-rxe.sh).
VM_PACKAGES="busybox-static cpio xz-utils zstd binutils kmod libibverbs-dev ibverbs-providers qemu-system-x86"

fail() {
    echo "setup.sh: $*" >&2
    exit 1
}

case "${1-}" in
"") packages="$BUILD_PACKAGES $TEST_PACKAGES $VM_PACKAGES" ;;
--build) packages=$BUILD_PACKAGES ;;
*) fail "unknown argument \"$1\"; the only one is --build" ;;
esac

# The prefix for commands that need root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "\"$*\" needs root: run this script as root, or install sudo"
    fi
}

# Lists are read once, and only if something is to be installed.
lists_are_fresh=no
install() {
    if [ "$lists_are_fresh" = no ]; then
        as_root apt-get update -q
        lists_are_fresh=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

is_installed() {
    dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    fail "this is no Debian. squall needs DPDK 22.11 or later with its headers, pkg-config, gcc, libclang, \
and Rust $RUST_NEEDED or later"
fi

missing=
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done

# QEMU has had the NIC that scripts/vm-igb.sh needs since 8.1; Debian 12 has 7.2, and a newer one in its
# backports. Where neither is to be had, the tests that need it say so and skip.
has_igb() {
    command -v qemu-system-x86_64 >/dev/null && qemu-system-x86_64 -device help 2>&1 | grep '"igb"' >/dev/null
}
case " $packages " in
*" qemu-system-x86 "*)
    if ! has_igb && ! apt-cache policy qemu-system-x86 | grep -q Candidate; then
        # A machine that has never read its package lists.
        as_root apt-get update -q
        lists_are_fresh=yes
    fi
    if ! has_igb && ! apt-cache policy qemu-system-x86 | grep -qE 'Candidate: [0-9]+:(8\.[1-9]|9|[1-9][0-9])'; then
        missing=$(echo "$missing" | sed 's/ qemu-system-x86//')
        echo "setup.sh: this release's QEMU has no igb: trying the backports"
        scratch=$(mktemp -d)
        # shellcheck disable=SC2016 # expanded by the inner shell
        as_root "$(dirname "$0")/apt-with.sh" "$scratch" backports sh -c \
            'DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends -t "$(. /etc/os-release && echo "$VERSION_CODENAME-backports")" qemu-system-x86' ||
            echo "setup.sh: no QEMU with igb is to be had here; the tests in it will be skipped"
        as_root rm -rf "$scratch"
    fi
    ;;
esac
if [ -n "$missing" ]; then
    echo "setup.sh: installing$missing"
    # shellcheck disable=SC2086 # a list of words
    install $missing
fi

dpdk=$(pkg-config --modversion libdpdk) || fail "libdpdk-dev is installed, yet pkg-config does not find libdpdk"
pkg-config --atleast-version=22.11 libdpdk || fail "DPDK is $dpdk; squall needs 22.11 or later (Debian 12 has it)"

# rustup puts its programs there and changes PATH for later shells only.
old_path=$PATH
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

if ! command -v cargo >/dev/null; then
    if ! command -v rustup >/dev/null && ! apt-cache show rustup >/dev/null 2>&1 && [ "$lists_are_fresh" = no ]; then
        # A machine that has never read its package lists knows no rustup.
        as_root apt-get update -q
        lists_are_fresh=yes
    fi
    if command -v rustup >/dev/null || apt-cache show rustup >/dev/null 2>&1; then
        command -v rustup >/dev/null || install rustup
        rustup default stable
    else
        command -v curl >/dev/null || install curl
        installer=$(mktemp)
        trap 'rm -f "$installer"' EXIT
        curl --proto '=https' --tlsv1.2 -sSf -o "$installer" https://sh.rustup.rs ||
            fail "cannot fetch the Rust installer; install Rust $RUST_NEEDED or later by hand: https://rustup.rs"
        sh "$installer" -y --profile minimal --component clippy --component rustfmt
    fi
fi

# "1.88.0" of "rustc 1.88.0 (…)"; the older of two versions sorts first.
rust_version() {
    rustc --version | cut -d ' ' -f 2
}
rust_is_new_enough() {
    [ "$(printf '%s\n' "$RUST_NEEDED" "$(rust_version)" | sort -V | head -n 1)" = "$RUST_NEEDED" ]
}
if ! rust_is_new_enough && command -v rustup >/dev/null; then
    rustup update stable
    rustup default stable
fi
rust_is_new_enough || fail "Rust is $(rust_version), squall needs $RUST_NEEDED or later; with the distribution's \
rustc and cargo removed (apt-get remove rustc cargo) this script installs a newer one"

echo "setup.sh: ready: DPDK $dpdk, Rust $(rust_version)"
if [ -z "$(PATH=$old_path command -v cargo)" ]; then
    echo "setup.sh: cargo is not on this shell's PATH yet: open a new one, or run . \"\$HOME/.cargo/env\""
fi
