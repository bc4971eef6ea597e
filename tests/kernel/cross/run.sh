#!/bin/sh
# run.sh SOURCE_DIR BUILD_DIR GENERATOR: builds the kernels and their tests for 64-bit ARM and runs
# them in an emulator, so that the NEON rows are tested on any machine. Exit code 77: not possible
# here.
set -eu
source=$1 build=$2 generator=$3

for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: no $tool (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)"
        exit 77
    fi
done

mkdir -p "$build"
cmake -S "$source/tests/kernel/cross" -B "$build" -G "$generator" \
    --toolchain "$source/cmake/aarch64.cmake" >"$build/log" 2>&1 || { cat "$build/log"; exit 1; }
cmake --build "$build" -j 2 >>"$build/log" 2>&1 || { cat "$build/log"; exit 1; }
for test in test_vec test_attention test_matmul; do
    NAPIER_EXPECT_TIER=neon qemu-aarch64 "$build/$test"
done
