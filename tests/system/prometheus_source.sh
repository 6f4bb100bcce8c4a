#!/usr/bin/env bash
# A fleet that is judged by a real Prometheus, which scrapes mtail on each host; each reload starts it anew, and its counters
# with it. A bad release is caught, a good one passes, and a Prometheus that is killed, or that sees a canary no more, holds it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/prometheus_server.sh"
if prometheus_missing; then
  echo "SKIPPED: no prometheus or no mtail here: packaging/build-packages test installs them"
  exit 77
fi
prometheus_prepare 4
FLEET_RELOAD="[\"$FLEET/bin/restart-exporter\", \"%HOST%\"]"
FLEET_CONTROLLER_LINES="judge = \"fixed\"
step_deadline = \"30s\"
trust_after = \"0s\"
sources = [\"prometheus\"]
[application.shop.prometheus]
url = \"$PROMETHEUS_URL\"
errors = 'http_errors_total{instance=~\"\$hosts\"}'
requests = 'http_requests_total{instance=~\"\$hosts\"}'
absent_is_zero = true
scrape = \"1s\"
step = \"2s\"
delay = \"2s\"
delay_max = \"8s\"
baseline = \"60s\"
baseline_min = \"6s\"
timeout = \"2s\"
wait = \"4s\""
fleet_init 4 2 1
for ((i = 1; i <= FLEET_HOSTS; i++)); do exporter_start "$i"; done
prometheus_start
echo one >"$FLEET/staging/index"
fleet_start
run_applications
expect_exit 0 serin deploy -m "first release"
# The baseline that the canaries need: seconds on the first release that Prometheus has seen. It is there for all that
# follow.
canaries_have_a_baseline() {
  local query='count(count_over_time(http_requests_total{instance=~"web-0[12]:.*"}[12s]) >= 10)' answer
  answer=$(curl -fsS -m 5 "$PROMETHEUS_URL/api/v1/query" --data-urlencode "query=$query")
  [ "$(jq -r '.data.result[0].value[1]' <<<"$answer")" = 2 ]
}
sleep 12
wait_until 600 canaries_have_a_baseline

echo "the self-test shows what matches"
expect_exit 0 serin evidence test shop
expect_text "prometheus: $PROMETHEUS_URL answers within"
expect_text "4 of 4 hosts are there"

echo "a bad release is caught"
echo boom >"$FLEET/staging/broken"
expect_exit 3 serin deploy -m "breaks the shop"
expect_text "canaries log more errors"
expect_all_live 1
rm "$FLEET/staging/broken"

echo "a good one passes, though its restart resets the counters"
echo two >"$FLEET/staging/index"
expect_exit 0 serin deploy -m "a good one"
expect_text "verdict pass (as-before)"
expect_all_live 3
QUERY='resets(http_requests_total{instance=~"web-0[12]:.*"}[1m]) > 0'
resets=$(curl -fsS -m 5 "$PROMETHEUS_URL/api/v1/query" --data-urlencode "query=$QUERY")
[ "$(jq '.data.result | length' <<<"$resets")" = 2 ] || fail "the canaries' counters were not reset: $resets"

hold_when_soaking() {
  local words=$1 text
  shift
  (
    wait_until 300 phase_is soaking
    eval "$words"
  ) &
  date +%s%N >"$FLEET/staging/index"
  expect_exit 4 serin deploy -m "$words"
  for text in "$@"; do expect_text "$text"; done
  expect_exit 3 serin abort
}

echo "a canary that is looked at no more is unknown"
hold_when_soaking "kill ${EXPORTER_PIDS[1]}" "held: inconclusive (no-match)" "web-01"
exporter_start 1

echo "a Prometheus that is killed in the middle is unknown"
hold_when_soaking "kill -KILL $PROMETHEUS_PID" "prometheus gave no usable answer: $PROMETHEUS_URL/api/v1/query_range: "
