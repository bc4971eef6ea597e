#!/bin/sh
# x86.sh CPU TIER PROGRAM...: runs kernel tests on an emulated older CPU, where an instruction that
# the chosen tier does not have ends the program. Exit code 77: not possible here.
set -eu
cpu=$1 tier=$2
shift 2
if ! command -v qemu-x86_64 >/dev/null; then
    echo "skipped: no qemu-x86_64 (Debian: qemu-user)"
    exit 77
fi
for program; do
    NAPIER_EXPECT_TIER=$tier qemu-x86_64 -cpu "$cpu" "$program" 2>&1
done
