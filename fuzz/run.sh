#!/usr/bin/env bash
# Runs fuzz targets: fuzz/run.sh --help
set -euo pipefail
cd "$(dirname "$0")/.."

help() {
    cat <<HELP
fuzz/run.sh [SECONDS] [TARGET…]

Builds the fuzz targets, and lets each run for so many seconds (10 if none are given), as many at a time as there are processors:
    $(targets | paste -sd ' ')

Each starts from its seeds, which are committed, and from fuzz/corpus/TARGET, which is not, and where it keeps each input that
reaches something new. Nothing is needed but the Rust of this repository and a compiler for C++.

    fuzz/run.sh                   # all of them, 10 s each, as CI does
    fuzz/run.sh 3600 ptx_run      # one of them, for an hour

An input that crashes, hangs or takes too much memory is left in fuzz/artifacts/TARGET, and the exit status is 1. A mend of what it
found comes with the input among the seeds.
HELP
}

targets() { basename --suffix .rs --multiple fuzz/fuzz_targets/*.rs; }

# Where a target starts. Seeds that tests of a crate replay are in that crate.
seeds() {
    case $1 in
        netprobe_*) echo "crates/netprobe/tests/fuzzed/seeds/${1#netprobe_}" ;;
        ptx_*) echo "fuzz/seeds/ptx_parse crates/simgpu/tests/ptx" ;;
    esac
}

# One target, and a line about it.
run() {
    local target=$1 seconds=$2 corpus=fuzz/corpus/$1 found=fuzz/artifacts/$1
    local log=$found/log
    mkdir -p "$corpus" "$found"
    # Without a sanitizer's stack traces, the whole of a panic's message is in the log.
    # shellcheck disable=SC2046 # Several folders.
    if "$programs/$target" "$corpus" $(seeds "$target") -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 \
        -artifact_prefix="$found/" >"$log" 2>&1; then
        printf '%-16s %s\n' "$target" "$(grep -o 'DONE.*' "$log" | tr -s ' \t' ' ')"
    else
        printf '%-16s fails:\n' "$target"
        tail -n 40 "$log"
        printf 'Once more: %s %s\n' "$programs/$target" "$(grep -o "$found/[a-z]*-[0-9a-f]*" "$log" | tail -n 1)"
        return 1
    fi
}

seconds=10
if [[ ${1-} == -h || ${1-} == --help ]]; then
    help
    exit
fi
if [[ ${1-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
# 0 would be without end.
if ((seconds == 0)); then
    echo "0 seconds were given, it must be at least 1" >&2
    exit 2
fi
if [[ $# -gt 0 ]]; then chosen=("$@"); else mapfile -t chosen < <(targets); fi
for target in "${chosen[@]}"; do
    if ! targets | grep -qx "$target"; then
        echo "no target is called $target, there are $(targets | paste -sd ' ')" >&2
        exit 2
    fi
done

host=$(rustc -vV | sed -n 's/^host: //p')
# What the fuzzer learns from, as cargo-fuzz sets it: a counter on each edge, and what is compared. Its flag that watches
# memory is unstable and left out: the unsafe code in reach is simgpu's alone, whose bounds are asserted.
marks="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
marks+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# The versions that the workspace is built with. Given a target, Cargo builds proc macros without the marks, as for the workspace.
cp Cargo.lock fuzz/Cargo.lock
RUSTFLAGS=$marks CARGO_TARGET_DIR=$PWD/target cargo build --quiet --manifest-path fuzz/Cargo.toml --target "$host" \
    "${chosen[@]/#/--bin=}"

export programs=target/$host/debug
export -f run seeds
printf '%s\n' "${chosen[@]}" | xargs --max-procs="$(nproc)" -I '{}' bash -c "run {} $seconds" || exit 1
