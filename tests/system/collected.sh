#!/usr/bin/env bash
# What no kept release needs goes from the controller, and everything goes on working: deploys, a rollback to a kept
# release, a host that is away with an old one. The controller's wall clock is stepped, since nothing younger than an
# hour goes.
set -euo pipefail
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

faketime=$(find /usr/lib/*/faketime -name libfaketimeMT.so.1 | head -1)
[ -n "$faketime" ] || fail "libfaketime is missing: packaging/build-packages test installs it"
start_controller() {
  (FAKETIME_TIMESTAMP_FILE="$FLEET/clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1 \
    LD_PRELOAD=$faketime ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0" \
    exec "$SERIN_BIN/serin-controller" --config "$FLEET/controller.toml") >>"$FLEET/log/controller.log" 2>&1 &
  FLEET_CONTROLLER_PID=$!
  wait_until 300 serin hosts
}
# step SECONDS: the controller's wall clock is so far ahead.
step() {
  echo "+$1" >"$FLEET/clock.new"
  mv "$FLEET/clock.new" "$FLEET/clock"
}
objects() { find "$FLEET/state/objects" -type f | wc -l; }
release() {
  head -c 200000 /dev/urandom >"$FLEET/staging/only-$1.bin"
  rm -f "$FLEET/staging/only-$(($1 - 1)).bin"
  expect_exit 0 serin deploy --force --yes --yes-delete -m "release $1"
}
is_gone() { serin hosts | grep -Eq 'web-03.* (silent|lost) '; }
runs() { [ "$(fleet_live "$1")" = "$2" ]; }

fleet_init 3 1 0
sed -i '1i keep_releases = 2' "$FLEET/controller.toml"
for i in 1 2 3; do sed -i 's|^live = .*|&\nslots = 2\nidle_grace = "0s"|' "$(fleet_host_dir "$i")/agent.toml"; done
mkdir -p "$FLEET/staging/lib"
echo shared >"$FLEET/staging/lib/shared.txt"
step 0
start_controller
serin hosts import "$FLEET/hosts.txt" >/dev/null
declare -a FLEET_AGENT_PIDS=()
for i in 1 2 3; do fleet_start_agent "$i"; done
fleet_wait_connected 3
release 1
kill "${FLEET_AGENT_PIDS[3]}"
wait "${FLEET_AGENT_PIDS[3]}" || true
unset 'FLEET_AGENT_PIDS[3]'
wait_until 600 is_gone
for n in 2 3 4 5 6; do
  head -c 200000 /dev/urandom >"$FLEET/staging/only-$n.bin"
  rm -f "$FLEET/staging/only-$((n - 1)).bin"
  expect_exit 6 serin deploy --force --yes --yes-delete -m "release $n"
done
sleep 1 # surplus slots go half a second after a step

echo "nothing younger than an hour goes, and each release says why it is kept"
before=$(objects)
expect_exit 0 serin gc
expect_text "built"
[ "$(objects)" = "$before" ] || fail "something younger than an hour went"

echo "an hour later what no kept release needs goes; what an absent host has stays, over a restart of the controller too"
kill "$FLEET_CONTROLLER_PID"
wait "$FLEET_CONTROLLER_PID" || true
step 7200
start_controller
fleet_wait_connected 2
expect_exit 0 serin gc --dry-run
expect_text "would go: shop r2"
expect_text "web-03 has it"
expect_text "it is released"
[ "$(objects)" = "$before" ] || fail "a dry run removed something"
expect_exit 0 serin gc --json
expect_text '"event":"gc"'
expect_text '{"application":"shop","release":2}'
after=$(objects)
((after < before)) || fail "nothing went"
expect_exit 0 serin gc
expect_text "gone: 0 releases, 0 objects"

echo "a release that is gone is refused by name, a kept one is not"
expect_exit 5 serin rollback r2 --force --yes
expect_text "the files of r2 are kept no longer"
expect_exit 6 serin rollback r5 --force --yes
expect_live 1 5
expect_live 2 5

echo "the host that was away comes back with r1, is verified against it or brought to r5, and goes on"
fleet_start_agent 3
fleet_wait_connected 3
wait_until 300 runs 3 5
expect_exit 0 serin verify
release 7
for i in 1 2 3; do expect_live "$i" 7; done
diff -r "$FLEET/staging" "$(fleet_host_dir 3)/live/"

echo "what a host that was away for more than 30 days had goes"
kill "${FLEET_AGENT_PIDS[3]}"
wait "${FLEET_AGENT_PIDS[3]}" || true
unset 'FLEET_AGENT_PIDS[3]'
wait_until 600 is_gone
release_away() { expect_exit 6 serin deploy --force --yes --yes-delete -m "release $1"; }
for n in 8 9 10 11; do
  head -c 200000 /dev/urandom >"$FLEET/staging/only-$n.bin"
  rm -f "$FLEET/staging/only-$((n - 1)).bin"
  release_away "$n"
done
step 2700000
expect_exit 0 serin gc
expect_text "gone: shop r7"
expect_exit 6 serin rollback r10 --force --yes
expect_exit 0 serin verify shop web-01 web-02
