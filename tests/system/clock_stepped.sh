#!/usr/bin/env bash
# The wall clock of a canary, of another host and of the controller is stepped by an hour, either way, in the middle of
# a wait: a bad release is caught and a good one released as if nothing had been, and `status` names the hosts.
. "$(dirname "$0")/lib.sh"

# The real clock stays as it is: each of these processes reads the wall clock through libfaketime, which takes its offset
# from a file. Steady time is left alone.
faketime=$(find /usr/lib/*/faketime -name libfaketimeMT.so.1 | head -1)
[ -n "$faketime" ] || fail "libfaketime is missing: packaging/build-packages test installs it"
under_fake_clock() {
  FAKETIME_TIMESTAMP_FILE=$1 FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1 LD_PRELOAD=$faketime \
    ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0" exec "${@:2}"
}
# step WHO BY: readers see the whole old or the whole new offset.
step() {
  echo "$2" >"$FLEET/clock.$1.new"
  mv "$FLEET/clock.$1.new" "$FLEET/clock.$1"
}
start_agent() {
  local dir
  dir=$(fleet_host_dir "$1")
  (under_fake_clock "$FLEET/clock.$1" "$SERIN_BIN/serin-agent" --config "$dir/agent.toml") >>"$dir/agent.log" 2>&1 &
  FLEET_AGENT_PIDS[$1]=$!
}

fleet_init 6 2 1
echo one >"$FLEET/staging/index"
for who in controller 2 6; do step "$who" +0; done
(under_fake_clock "$FLEET/clock.controller" "$SERIN_BIN/serin-controller" --config "$FLEET/controller.toml") \
  >>"$FLEET/log/controller.log" 2>&1 &
FLEET_CONTROLLER_PID=$!
wait_until 300 serin hosts
serin hosts import "$FLEET/hosts.txt" >/dev/null
declare -a FLEET_AGENT_PIDS=()
for ((i = 1; i <= FLEET_HOSTS; i++)); do
  case $i in 2 | 6) start_agent "$i" ;; *) fleet_start_agent "$i" ;; esac
done
fleet_wait_connected "$FLEET_HOSTS"
run_applications
expect_exit 0 serin deploy --force -m "first release"
wait_for_baseline

echo "a canary and a host an hour ahead, the controller an hour back: a good release is released"
echo two >"$FLEET/staging/index"
expect_exit 0 serin deploy --detach -m "second release"
wait_until 200 phase_is soaking
step 2 +3600
step 6 -3600
step controller -3600
wait_until 600 nothing_runs
status_json | grep -q '"outcome":"released"' || fail "a stepped clock kept a good release from the fleet"
expect_all_live 2
expect_exit 0 serin status
expect_text "its clock is 2h ahead"
expect_exit 0 serin history
expect_text "released"

echo "and forward again while a bad one is judged: it is caught"
wait_for_baseline
: >"$FLEET/staging/broken"
expect_exit 0 serin deploy --detach -m "third release"
wait_until 200 phase_is soaking
step 2 -3600
step controller +3600
wait_until 600 nothing_runs
status_json | grep -q '"outcome":"taken_back"' || fail "a stepped clock let a bad release pass"
expect_all_live 2
expect_exit 0 serin status
expect_text "its clock is 2h behind"
