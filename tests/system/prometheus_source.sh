#!/usr/bin/env bash
# A fleet that is judged by a real Prometheus, which scrapes an exporter whose counters begin anew with each release. A bad
# release is caught, a good one passes, and a Prometheus that is killed, or that sees its hosts no more, holds it.
. "$(dirname "$0")/lib.sh"
mkdir -p "$FLEET/log"
if ! command -v prometheus >/dev/null; then
  echo "SKIPPED: no prometheus here: packaging/build-packages test installs it"
  exit 77
fi
PROMETHEUS_PORT=$(fleet_pick_ports)
EXPORTER_PORT=$((PROMETHEUS_PORT + 1))
PROMETHEUS_URL=http://127.0.0.1:$PROMETHEUS_PORT
FLEET_CONTROLLER_LINES="judge = \"fixed\"
step_deadline = \"30s\"
trust_after = \"0s\"
sources = [\"prometheus\"]
[application.shop.prometheus]
url = \"$PROMETHEUS_URL\"
errors = 'http_requests_total{code=\"500\",instance=~\"\$hosts\"}'
requests = 'http_requests_total{code=\"200\",instance=~\"\$hosts\"}'
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

{
  echo "global: {scrape_interval: 1s, scrape_timeout: 1s}"
  echo "scrape_configs:"
  echo "  - job_name: shop"
  echo "    static_configs:"
  for ((i = 1; i <= FLEET_HOSTS; i++)); do
    name=$(fleet_host_name "$i")
    echo "      - targets: ['127.0.0.1:$EXPORTER_PORT']"
    echo "        labels: {__metrics_path__: /$name, instance: '$name:9100'}"
  done
} >"$FLEET/prometheus.yml"
start_prometheus() {
  prometheus "--config.file=$FLEET/prometheus.yml" "--storage.tsdb.path=$FLEET/prometheus" \
    "--web.listen-address=127.0.0.1:$PROMETHEUS_PORT" >>"$FLEET/log/prometheus.log" 2>&1 &
  PROMETHEUS_PID=$!
  wait_until 300 curl -fsS -m 2 "$PROMETHEUS_URL/-/ready"
}
start_exporter() {
  python3 "$SERIN_SOURCE/tests/support/log_exporter.py" "$EXPORTER_PORT" "$FLEET/hosts" >>"$FLEET/log/exporter.log" 2>&1 &
  EXPORTER_PID=$!
}
stop_both() {
  kill "$PROMETHEUS_PID" "$EXPORTER_PID" 2>/dev/null
  wait "$PROMETHEUS_PID" "$EXPORTER_PID" 2>/dev/null
}
at_end stop_both
start_exporter
start_prometheus
echo one >"$FLEET/staging/index"
fleet_start
run_applications
expect_exit 0 serin deploy -m "first release"
sleep 16

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
sleep 16

echo "a good one passes, though its restart resets the counters"
echo two >"$FLEET/staging/index"
expect_exit 0 serin deploy -m "a good one"
expect_text "verdict pass (as-before)"
expect_all_live 3
sleep 16

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
hold_when_soaking "kill $EXPORTER_PID" "held: inconclusive (no-match)"
start_exporter
sleep 16

echo "a Prometheus that is killed in the middle is unknown"
hold_when_soaking "kill -KILL $PROMETHEUS_PID" "prometheus gave no usable answer: $PROMETHEUS_URL/api/v1/query_range: "
