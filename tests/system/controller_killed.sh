#!/usr/bin/env bash
# The controller is killed (-9) in the middle of the wait and started again: it judges on with the same evidence.
#   controller_killed.sh [fixed|sequential]
. "$(dirname "$0")/lib.sh"

FLEET_CONTROLLER_LINES="judge = '${1:-fixed}'
wait = '8s'
baseline_min = '5s'"
fleet_init 12 3 2
echo one >"$FLEET/staging/index"
fleet_start
run_applications
expect_exit 0 serin deploy -m "first release"
wait_for_baseline

watch_links
echo boom >"$FLEET/staging/broken"
expect_exit 0 serin deploy --detach -m "breaks the shop"
wait_until 200 phase_is soaking
sleep 3
kill -9 "$FLEET_CONTROLLER_PID"
wait "$FLEET_CONTROLLER_PID" 2>/dev/null || true
sleep 1
fleet_start_controller
wait_until 400 nothing_runs
wait_until 100 sh -c "[ \$(readlink '$FLEET/hosts/web-01/live' | grep -c r1-) = 1 ]"
expect_all_live 1
while read -r host slot; do
  case $slot in r2-*) ((host <= 3)) || fail "web-$host ran $slot" ;; esac
done <"$FLEET/seen"
expect_exit 0 serin history
expect_text "taken back"
