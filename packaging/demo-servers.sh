# shellcheck shell=bash
# For `packaging/demo --servers=KIND`: an index that is filled as Logstash fills one, and a Prometheus; sourced after fleet.sh.
# From a clone alone: the servers are those of the system tests.
export SERIN_SOURCE=$PWD
# shellcheck source=tests/system/search_server.sh
. tests/system/search_server.sh
# shellcheck source=tests/system/prometheus_server.sh
. tests/system/prometheus_server.sh
! prometheus_missing || skip "no prometheus or no mtail here: packaging/build-packages test installs them"
remove_server() { rm -rf "$FLEET/search"; } # 60 MB, and Maven has them
at_end remove_server
mkdir -p "$FLEET/log"
search_start "${servers:?}"
prometheus_prepare 12

both='step = "2s"            # the defaults: steps of 10 s, a wait of 20 s, a minute of baseline
wait = "6s"
delay = "3s"
baseline_min = "10s"'
FLEET_CONTROLLER_LINES+="
sources = [\"agents\", \"logstash\", \"prometheus\"]

[application.shop.logstash]
url = \"$SEARCH_URL\"
index = \"logstash-*\"
host_field = \"host.keyword\"
host_names = \"full\"
domain = \"example.org\"
where = { \"service.keyword\" = \"shop\" }
errors = [{ \"level.keyword\" = [\"ERROR\", \"FATAL\"] }]
$both

[application.shop.prometheus]
url = \"$PROMETHEUS_URL\"
errors = 'http_errors_total{instance=~\"\$hosts\"}'
requests = 'http_requests_total{instance=~\"\$hosts\"}'
absent_is_zero = true
scrape = \"1s\"
$both"

servers_start() {
  local i
  ship_logs
  for ((i = 1; i <= FLEET_HOSTS; i++)); do exporter_start "$i"; done
  prometheus_start
}
