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

begin "form: rustfmt"
cargo fmt --all --check

begin "form: clippy, warnings are errors"
cargo clippy --workspace --all-targets --locked -- -D warnings

begin "form: shellcheck"
# One of the hooks is Python.
grep -lZ '^#!/bin/sh' hooks/* tests/data/sonic/switch | xargs -0 shellcheck -e SC2317,SC2001 scripts/*.sh .ci/run

begin "fuzzing: ${FUZZ_SECONDS:-60} s a target"
scripts/fuzz.sh "${FUZZ_SECONDS:-60}"

begin "AddressSanitizer over the parsers and state machines"
# The sanitizer's flag is not stable: nightly, or the stable compiler told to take it all the same.
sanitized() {
    RUSTFLAGS=-Zsanitizer=address "$@" test --lib --locked --target "$(rustc -vV | sed -n 's/^host: //p')" \
        --target-dir target/asan -- wire:: capture:: plan:: measure:: pattern:: testbed:: yaml:: units::
}
if cargo +nightly --version >/dev/null 2>&1; then
    sanitized cargo +nightly
else
    RUSTC_BOOTSTRAP=1 sanitized cargo
fi

begin "tests"
# All of them, whatever fails: one run says everything that is wrong.
cargo test --workspace --locked --no-fail-fast
