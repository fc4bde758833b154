#!/usr/bin/env bash
# All tests, from a clean clone: installs what is missing, checks form, runs every test, fuzzes and
# sanitizes for a bounded time. Fails at the first thing that fails, and says which it was.
#
#     scripts/test.sh                    everything, as CI does
#     FUZZ_SECONDS=600 scripts/test.sh   with longer fuzzing (default 60 s a target)
#
# May be run again at any time. A test that needs root, a namespace, hugepages or a program that is not here
# says so and is skipped; with SQUALL_NO_SKIP=1, as CI has it, it fails.
set -euo pipefail
cd "$(dirname "$0")/.."

step=setup
trap '[ $? -eq 0 ] || echo "test.sh: failed at: $step" >&2' EXIT
begin() {
    step=$1
    echo "== $step ($(date +%T))"
}

begin "set up: packages and toolchain"
scripts/setup.sh
PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
export PATH

# Nothing here is built twice, so nothing is kept for the next build. Sixty programs are linked: by the fastest linker.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
export RUSTFLAGS="${RUSTFLAGS-} -Clink-arg=-fuse-ld=mold"

begin "form: rustfmt"
cargo fmt --all --check

begin "form: clippy, warnings are errors"
cargo clippy --workspace --all-targets --locked -- -D warnings

begin "form: shellcheck"
# One of the hooks is Python.
grep -lZ '^#!/bin/sh' hooks/* tests/data/sonic/switch | xargs -0 shellcheck -e SC2317,SC2001 scripts/*.sh .ci/run

begin "form: documentation, warnings are errors"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked --quiet

begin "fuzzing: ${FUZZ_SECONDS:-60} s a target, side by side"
scripts/fuzz.sh "${FUZZ_SECONDS:-60}"

begin "AddressSanitizer over the parsers and state machines"
# The sanitizer's flag is not stable: nightly, or the stable compiler told to take it all the same.
sanitized() {
    RUSTFLAGS="${RUSTFLAGS-} -Zsanitizer=address" "$@" test --lib --locked --target "$(rustc -vV | sed -n 's/^host: //p')" \
        --target-dir target/asan -- wire:: capture:: plan:: transport:: neighbour:: measure:: pattern:: testbed:: yaml:: units::
}
if cargo +nightly --version >/dev/null 2>&1; then
    sanitized cargo +nightly
else
    RUSTC_BOOTSTRAP=1 sanitized cargo
fi

begin "instructions of the packet path"
# Built as the bounds say: a release takes three times as long to build.
CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16 CARGO_PROFILE_BENCH_DEBUG=0 \
    cargo bench --locked --bench instructions -- --check

begin "tests: build"
cargo test --workspace --locked --no-run

# The virtual machine waits much and computes little: tests that only compute run beside it. Those of real time
# (they take turns, tests/turn) have the machine for themselves afterwards. Whatever fails, all of them run: one
# run says everything that is wrong.
real_time=() computing=()
for file in tests/*.rs; do
    name=$(basename "$file" .rs)
    if grep -q '^mod turn;' "$file"; then
        [ "$name" = vm_igb ] || real_time+=(--test "$name")
    else
        computing+=(--test "$name")
    fi
done
failed=()
run_tests() {
    cargo test --locked --no-fail-fast "$@"
}

begin "tests: in a virtual machine, and beside them those that compute"
machine=target/vm_igb.log
run_tests --test vm_igb >"$machine" 2>&1 &
guest=$!
run_tests --package squall --lib --bins --examples "${computing[@]}" || failed+=("those that compute")
run_tests --package dpdk-sys || failed+=("dpdk-sys")
run_tests --package squall --doc || failed+=("in the documentation")
wait "$guest" || failed+=("in a virtual machine")
cat "$machine"

begin "tests: in real time"
run_tests "${real_time[@]}" || failed+=("in real time")

step="tests: ${failed[*]-}"
[ "${#failed[@]}" -eq 0 ]
