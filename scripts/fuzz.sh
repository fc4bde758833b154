#!/usr/bin/env bash
# Fuzzes everything that squall reads from others, each target for a bounded time, all side by side.
#
#   scripts/fuzz.sh [SECONDS]        seconds for each target, 60 by default
#
# Installs cargo-fuzz if it is missing. Uses the nightly toolchain if there is one, else the
# default one with RUSTC_BOOTSTRAP=1 (the sanitizer flags are not stable yet). The corpus is seeded
# from tests/golden, patterns and testbeds, and kept in fuzz/corpus between runs. Exit status 1 on
# a crash; the input is then in fuzz/artifacts/TARGET. What a target says goes to a log of its name in fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then
    echo "fuzz.sh: '$seconds' is not a number of seconds" >&2
    exit 2
fi

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzz.sh: installing cargo-fuzz" >&2
    cargo install cargo-fuzz --locked
fi

if cargo +nightly --version >/dev/null 2>&1; then
    fuzz() { cargo +nightly fuzz "$@"; }
else
    export RUSTC_BOOTSTRAP=1
    fuzz() { cargo fuzz "$@"; }
fi

# Whole captures, and every golden frame by itself.
seed_decode() {
    local number=0 hex
    cp tests/golden/golden.pcap tests/golden/pcaps/*.pcap tests/golden/pcaps/*.pcapng "$1"
    while read -r hex; do
        number=$((number + 1))
        printf '%b' "$(sed 's/../\\x&/g' <<<"$hex")" >"$1/golden-frame-$number"
    done < <(sed -n 's/.*"hex": *"\([0-9a-f]*\)".*/\1/p' tests/golden/golden.jsonl tests/golden/anchors.jsonl)
}

seed_pattern() {
    find patterns testbeds -name '*.yaml' -exec cp {} "$1" \;
    # An override after each NUL, as the target has it.
    printf 'traffic: [{name: a, kind: transfer, message: 601, count: 3, rate: 1Gbps}]\n\0traffic.a.qps=3\0seed=7' \
        >"$1/with-overrides"
}

# Several code-generation units: built in a third of the time, and fuzzed somewhat slower.
units=(--codegen-units 16)
fuzz build "${units[@]}"

# Name and process group of each target that runs. All end with this script.
set -m
names=() running=()
# shellcheck disable=SC2317 # called by the trap
stop() {
    for one in "${running[@]}"; do
        kill -- "-$one" 2>/dev/null || true
    done
}
trap stop EXIT
for target in $(fuzz list); do
    corpus=fuzz/corpus/$target
    mkdir -p "$corpus"
    if declare -F "seed_$target" >/dev/null; then
        "seed_$target" "$corpus"
    fi
    echo "fuzz.sh: $target for $seconds s, $(find "$corpus" -type f | wc -l) inputs to begin with" >&2
    # -max_len: frames and small captures find more, faster, than the large ones of the seeds.
    fuzz run "${units[@]}" "$target" "$corpus" -- \
        -max_total_time="$seconds" -max_len=8192 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
        >"fuzz/$target.log" 2>&1 &
    names+=("$target") running+=("$!")
done

status=0
for index in "${!names[@]}"; do
    target=${names[index]}
    if wait "${running[index]}"; then
        echo "fuzz.sh: $target, no crash: $(grep -a 'number_of_executed_units' "fuzz/$target.log" | tail -n 1)" >&2
    else
        tail -n 60 "fuzz/$target.log" >&2
        echo "fuzz.sh: $target failed; an input that crashes it is in fuzz/artifacts/$target" >&2
        status=1
    fi
done
running=()
exit $status
