# shellcheck shell=bash
# A real Prometheus that scrapes a real exporter on each host, once a second: Debian's mtail, which counts the lines of
# app.log. For system tests and the demo; sourced after fleet.sh.
#
#   prometheus_prepare N   for N hosts: picks the ports, writes the configuration; $PROMETHEUS_URL, for controller.toml
#   prometheus_start       $PROMETHEUS_PID
#   exporter_start HOST    of web-HOST; begun again when it ends, as a unit with Restart=always
#   exporter_stop HOST
#
# mtail exports http_requests_total from its start, and http_errors_total with the first error. Both begin with 0 when
# $FLEET/bin/restart-exporter FOLDER has ended, which fits a reload hook.
PROMETHEUS_PID=''
EXPORTER_PIDS=() EXPORTER_PORTS=()

prometheus_missing() { ! command -v prometheus >/dev/null || ! command -v mtail >/dev/null; }

prometheus_end() {
  local host
  if [ -n "$PROMETHEUS_PID" ]; then
    kill "$PROMETHEUS_PID" 2>/dev/null
    wait "$PROMETHEUS_PID" 2>/dev/null
  fi
  for host in "${!EXPORTER_PIDS[@]}"; do exporter_stop "$host"; done
}
at_end prometheus_end

prometheus_prepare() {
  local i hosts=$1 port
  port=$(fleet_pick_ports)
  PROMETHEUS_URL=http://127.0.0.1:$port
  mkdir -p "$FLEET"/{bin,log,mtail}
  cat >"$FLEET/mtail/shop.mtail" <<'END'
counter http_requests_total
counter http_errors_total by level
/^(\S+ )?(?P<level>ERROR|FATAL) / {
  http_errors_total[$level]++
}
/(GET|INFO|ERROR) \/\S* \d+/ {
  http_requests_total++
}
END
  {
    echo "global: {scrape_interval: 1s, scrape_timeout: 1s}"
    echo "scrape_configs:"
    echo "  - job_name: shop"
    echo "    static_configs:"
    for ((i = 1; i <= hosts; i++)); do
      EXPORTER_PORTS[i]=$(fleet_pick_ports)
      echo "      - targets: ['127.0.0.1:${EXPORTER_PORTS[i]}']"
      echo "        labels: {instance: '$(fleet_host_name "$i"):3903'}"
    done
  } >"$FLEET/prometheus.yml"
  cat >"$FLEET/bin/restart-exporter" <<'END'
#!/usr/bin/env bash
# restart-exporter FOLDER: ends the host's mtail, and waits for the one that takes its place. One that was stopped stays so.
read -r old port <"$1/mtail.pid" || exit 1
kill "$old" || exit 0
for ((tries = 0; tries < 100; tries++)); do
  read -r pid _ <"$1/mtail.pid"
  if [ "$pid" != "$old" ] && curl -fsS -m 1 -o "$1/mtail.out" "http://127.0.0.1:$port/metrics"; then exit 0; fi
  sleep 0.05
done
echo "no exporter answers on port $port"
exit 1
END
  chmod +x "$FLEET/bin/restart-exporter"
}

prometheus_answers() { curl -fsS -m 2 "$PROMETHEUS_URL/-/ready"; }

prometheus_start() {
  prometheus "--config.file=$FLEET/prometheus.yml" "--storage.tsdb.path=$FLEET/prometheus" \
    "--web.listen-address=${PROMETHEUS_URL#http://}" >>"$FLEET/log/prometheus.log" 2>&1 &
  PROMETHEUS_PID=$!
  wait_until 300 prometheus_answers
}

# In a process of its own, until it is stopped.
exporter_run() {
  local dir=$1 port=$2 pid=''
  trap 'kill "$pid"; wait "$pid"; exit 0' TERM
  while :; do
    mtail -progs "$FLEET/mtail" -logs "$dir/app.log" -address 127.0.0.1 -port "$port" -log_dir "$dir" &
    pid=$!
    printf '%s %s\n' "$pid" "$port" >"$dir/mtail.pid.new" && mv -f "$dir/mtail.pid.new" "$dir/mtail.pid"
    wait "$pid" || true
  done
}
exporter_start() {
  local dir
  dir=$(fleet_host_dir "$1")
  exporter_run "$dir" "${EXPORTER_PORTS[$1]}" >>"$dir/mtail.out" 2>&1 &
  EXPORTER_PIDS[$1]=$!
}
exporter_stop() {
  kill "${EXPORTER_PIDS[$1]}" 2>/dev/null || true
  wait "${EXPORTER_PIDS[$1]}" 2>/dev/null || true
  unset "EXPORTER_PIDS[$1]"
}
