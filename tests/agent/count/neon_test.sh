#!/bin/bash
# The prefilter's NEON way on a machine that has none: built for arm64 with its test, and run by qemu. On arm64 itself
# agent_count_test does that. Skipped (77) where the packages are missing: neon_test.sh SOURCE
set -euo pipefail
cd "$1"
gtest=/usr/src/googletest/googletest
for needed in aarch64-linux-gnu-g++ qemu-aarch64-static; do
  command -v "$needed" >/dev/null && [ -d "$gtest" ] && continue
  echo "SKIPPED: apt-get install g++-aarch64-linux-gnu qemu-user-static libgtest-dev ($needed or $gtest is missing)"
  exit 77
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
aarch64-linux-gnu-g++ -std=c++23 -O1 -static -I. -I"$gtest" -isystem "$gtest/include" \
  agent/count/prefilter.cc agent/count/prefilter_vectors.cc agent/count/required_literals.cc agent/count/literal_sets.cc \
  tests/agent/count/prefilter_test.cc "$gtest/src/gtest-all.cc" "$gtest/src/gtest_main.cc" -o "$folder/prefilter_test"
qemu-aarch64-static "$folder/prefilter_test" | tail -n 3
