#!/usr/bin/env bash
# A fleet that is judged by its agents' counts and by Logstash at once, then by Logstash alone. A bad release is caught,
# a good one passes (over a killed controller), and a server that is killed, stalled, behind or emptied in the middle of a canary holds it with the
# right words: never a pass, and never a delay for anything else.
#
#   two_sources.sh [stand-in|opensearch|elasticsearch7|elasticsearch8]
kind=${1:-stand-in}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/search_server.sh"
mkdir -p "$FLEET/log"
search_start "$kind"

sources_lines() {
  cat <<END
judge = "fixed"
wait = "4s"
baseline_min = "4s"
step_deadline = "30s"
trust_after = "0s"
$1
[application.shop.logstash]
url = "$SEARCH_URL"
index = "logstash-*"
host_field = "host.keyword"
host_names = "full"
domain = "example.org"
where = { "service.keyword" = "shop" }
errors = [{ "level.keyword" = ["ERROR", "FATAL"] }]
step = "2s"
delay = "3s"
delay_max = "8s"
baseline = "60s"
timeout = "2s"
wait = "4s"
END
}
FLEET_CONTROLLER_LINES=$(sources_lines 'sources = ["agents", "logstash"]')
fleet_init 6 2 1
echo one >"$FLEET/staging/index"
fleet_start
run_applications
ship_logs
expect_exit 0 serin deploy -m "first release"
sleep 8

echo "the self-test shows what matches"
expect_exit 0 serin evidence test
[[ $OUTPUT != *WARNING* ]] || fail "a warning: $OUTPUT"
expect_text "agents: 6 of 6 hosts report"
expect_text "logstash: $SEARCH_URL answers within"
expect_text "6 of 6 hosts are there"
expect_text "every source answers"

echo "a bad release is caught, and each source says what it found"
echo boom >"$FLEET/staging/broken"
expect_exit 3 serin deploy -m "breaks the shop"
expect_text "agents: fail"
expect_text "logstash: "
expect_all_live 1
rm "$FLEET/staging/broken"
sleep 6

deploy_and_hold() {
  local what=$1
  shift
  date +%s%N >"$FLEET/staging/index"
  expect_exit 4 serin deploy -m "$what"
  for text in "$@"; do expect_text "$text"; done
  expect_text "agents: pass"
  expect_exit 3 serin abort
}
# Runs its words once the canaries soak.
when_soaking() {
  (
    wait_until 300 phase_is soaking
    "$@"
  ) &
}

echo "a good one passes, though the controller is killed in the middle: both sources go on with what they had"
echo two >"$FLEET/staging/index"
expect_exit 0 serin deploy --detach -m "a good one"
wait_until 300 phase_is soaking
sleep 2
kill -KILL "$FLEET_CONTROLLER_PID"
wait "$FLEET_CONTROLLER_PID" 2>/dev/null || true
fleet_start_controller
wait_until 400 nothing_runs
expect_exit 0 serin show 3
expect_text "released"
expect_text "agents: pass (as-before) of the fixed judge"
expect_text "logstash: pass (as-before) of the fixed judge"
expect_all_live 3
serin show 3 --trace --source logstash >"$FLEET/trace.csv"
expect_exit 0 serin judge "$FLEET/trace.csv"
expect_text "PASS 4"
sleep 5

if [ "$kind" = stand-in ]; then
  echo "stalled in the middle: unknown; nothing else waits for it"
  # shellcheck disable=SC2317
  stall() { kill -STOP "$SEARCH_PID"; }
  when_soaking stall
  deploy_and_hold "stalled" "logstash: cannot tell: logstash gave no usable answer" "no answer within 2s"
  begun=$(date +%s%N)
  expect_exit 0 serin status
  (($(date +%s%N) - begun < 2000000000)) || fail "status waited for the server"
  echo three >"$FLEET/staging/index"
  expect_exit 0 serin deploy --force --yes -m "no time"
  expect_all_live 5
  kill -CONT "$SEARCH_PID"
  sleep 12

  echo "behind: its documents do not arrive any more"
  # shellcheck disable=SC2317
  lag() { kill -STOP "$SHIPPER_PID"; }
  when_soaking lag
  deploy_and_hold "behind" "logstash: cannot tell" "has its newest document" "the log's way there is behind"
  kill -CONT "$SHIPPER_PID"
  sleep 6
fi

echo "emptied in the middle"
# shellcheck disable=SC2317
empty() {
  sleep 3
  kill -STOP "$SHIPPER_PID"
  curl -fsS -X DELETE "$SEARCH_URL/logstash-*" >/dev/null
}
when_soaking empty
deploy_and_hold "emptied" "logstash: cannot tell" "no index of this name is there"
kill -CONT "$SHIPPER_PID"
[ "$kind" = stand-in ] || exit 0

echo "killed in the middle"
sleep 8
when_soaking kill -KILL "$SEARCH_PID"
deploy_and_hold "killed" "logstash: cannot tell: logstash gave no usable answer" "Couldn't connect to server"
expect_exit 1 serin evidence test
expect_text "a release could not be judged like this: logstash: "

echo "Logstash alone, on hosts that count nothing"
search_start "$kind"
fleet_stop
sed -i '/^\[\[application.shop.source\]\]/,$d' "$FLEET"/hosts/*/agent.toml
sed -i 's/^sources = .*/sources = ["logstash"]/' "$FLEET/controller.toml"
fleet_start
sleep 15
echo boom >"$FLEET/staging/broken"
expect_exit 3 serin deploy -m "breaks the shop"
expect_text "canaries log more errors"
rm "$FLEET/staging/broken"
sleep 8
echo four >"$FLEET/staging/index"
expect_exit 0 serin deploy -m "a good one"
expect_text "verdict pass (as-before)"
