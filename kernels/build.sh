#!/usr/bin/env bash
# Builds ptx/*.ptx and RESOURCES.md from cuda/*.cu.
#
#   kernels/build.sh            rewrites them
#   kernels/build.sh --check    builds elsewhere and fails where the result differs from what is here
#
# Needs python3 with pip, and x86-64 Linux. The compiler (NVRTC 12.0.140 and its ptxas, 43 MB) comes from PyPI into
# .toolchain/, pinned by hash; no CUDA installation and no GPU is needed.
set -euo pipefail
cd "$(dirname "$0")"
case "${1:-}" in
    -h | --help)
        sed -n '/^set/q; s/^# \{0,1\}//p' "$(basename "$0")" | tail -n +2
        exit
        ;;
    "") output=. ;;
    --check)
        output=$(mktemp -d)
        trap 'rm -rf "$output"' EXIT
        ;;
    *)
        echo "usage: build.sh [--check | --help]" >&2
        exit 2
        ;;
esac

toolchain=.toolchain
if ! cmp -s tools/requirements.txt "$toolchain/requirements.txt"; then
    rm -rf "$toolchain"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes \
        --only-binary=:all: --target "$toolchain" --requirement tools/requirements.txt
    chmod +x "$toolchain/nvidia/cuda_nvcc/bin/ptxas"
    cp tools/requirements.txt "$toolchain/"
fi
nvrtc="$toolchain/nvidia/cuda_nvrtc/lib"

mkdir -p "$output/ptx"
[ "$output" = . ] && rm -f ptx/*.ptx
printf '%s\n' cuda/*.cu |
    LD_LIBRARY_PATH="$nvrtc" xargs -P "$(nproc)" -n 1 python3 tools/nvrtc.py "$nvrtc/libnvrtc.so.12" "$output/ptx"
python3 tools/resources.py "$toolchain/nvidia/cuda_nvcc/bin/ptxas" "$output"/ptx/*.ptx >"$output/resources.tmp"
mv "$output/resources.tmp" "$output/RESOURCES.md"

if [ "$output" != . ]; then
    for built in ptx RESOURCES.md; do
        diff --recursive --brief "$output/$built" "$built" || {
            echo "kernels/$built is not what kernels/cuda builds to: run kernels/build.sh" >&2
            exit 1
        }
    done
    echo "kernels/ptx and kernels/RESOURCES.md are what kernels/cuda builds to"
fi
