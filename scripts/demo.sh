#!/bin/sh
# From a clean clone to a first result: installs what is missing, builds, and runs the main job on
# the reference fabric, without a NIC and without hugepages.
#
#     scripts/demo.sh [arguments of squall run]     default: ecn-incast --out out/ecn-incast
#
# May be run again at any time.
set -eu
cd "$(dirname "$0")/.."

scripts/setup.sh --build
# rustup's cargo, when it was installed just now.
PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
export PATH
cargo build --release --locked
if [ $# -eq 0 ]; then
    set -- ecn-incast --out out/ecn-incast
fi
exec target/release/squall run "$@"
