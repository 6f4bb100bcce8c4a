# shellcheck shell=bash
# A fleet of real processes on loopback: one controller and any number of agents, each with its own folder, live path
# and log. Sourced by the demo and by the system tests. Everything is made under $FLEET; programs come from $SERIN_BIN.
#
#   fleet_init HOSTS CANARIES PROXIES   write configurations and keys
#   fleet_start                         controller, then agents, accepted by their keys
#   fleet_stop                          everything that was started, by pid
#   serin ...                           the CLI, against this controller
#   wait_until TENTHS COMMAND...        until it succeeds, at most that many tenths of a second; else the script fails
#   at_end COMMAND, fleet_at_end        what is to be done at the end; does it
#
# Hosts are web-01, web-02, …; host I has $FLEET/hosts/web-I/{live,live.slots,app.log,state}. Extra lines for the
# configuration files: $FLEET_CONTROLLER_LINES (inside [application.shop]), $FLEET_AGENT_LINES (likewise),
# $FLEET_RELOAD (TOML array of the reload hook, %HOST% replaced), $FLEET_RULE (what is an error line), $FLEET_SOURCES (more
# sources, %HOST% replaced).

AT_END=()
at_end() { AT_END+=("$1"); }
fleet_at_end() {
  local command
  for command in "${AT_END[@]}"; do "$command"; done
}

wait_until() {
  local tenths=$1
  shift
  while ((tenths-- > 0)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  echo "FAILED: did not come to be: $*" >&2
  exit 1
}

fleet_host_name() { printf 'web-%02d' "$1"; }
fleet_host_dir() { printf '%s/hosts/web-%02d' "$FLEET" "$1"; }

# A port that nobody listens on now; the next one too.
fleet_pick_ports() {
  local port tries
  for ((tries = 0; tries < 50; tries++)); do
    port=$((20000 + RANDOM % 20000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && ! (exec 3<>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null; then
      printf '%s' "$port"
      return 0
    fi
  done
  echo "no free port found" >&2
  return 1
}

fleet_init() {
  local hosts=$1 canaries=$2 proxies=$3
  FLEET_HOSTS=$hosts FLEET_CANARIES=$canaries FLEET_PROXIES=$proxies
  mkdir -p "$FLEET"/{staging,state,run,hosts,log}
  FLEET_PORT=$(fleet_pick_ports)
  cat >"$FLEET/controller.toml" <<EOF
state_dir = "$FLEET/state"
run_dir = "$FLEET/run"
operators_group = ""
listen = "127.0.0.1"
orders_port = $FLEET_PORT
content_port = $((FLEET_PORT + 1))

[application.shop]
source = "$FLEET/staging"
canary = ["label:canary"]
proxies = ["label:proxy"]
${FLEET_CONTROLLER_LINES:-}
EOF
  FLEET_KEYS=$("$SERIN_BIN/serin-controller" --config "$FLEET/controller.toml" --print-keys)
  local i
  for ((i = 1; i <= hosts; i++)); do fleet_init_host "$i"; done
}

fleet_init_host() {
  local i=$1 dir name label
  dir=$(fleet_host_dir "$i") name=$(fleet_host_name "$i")
  mkdir -p "$dir"
  : >>"$dir/app.log"
  cat >"$dir/agent.toml" <<EOF
state_dir = "$dir/state"
controller = "tcp://127.0.0.1:$FLEET_PORT"
$FLEET_KEYS

[application.shop]
live = "$dir/live"
${FLEET_RELOAD:+reload = ${FLEET_RELOAD//%HOST%/$dir}}
${FLEET_AGENT_LINES:-}

[[application.shop.source]]
path = "$dir/app.log"
${FLEET_SOURCES:+${FLEET_SOURCES//%HOST%/$dir}}

[[application.shop.rule]]
name = "error"
match = '${FLEET_RULE:-ERROR}'
EOF
  label=fleet
  if ((i <= FLEET_CANARIES)); then
    label=canary
  elif ((i <= FLEET_CANARIES + FLEET_PROXIES)); then
    label=proxy
  fi
  printf '%s %s %s\n' "$("$SERIN_BIN/serin-agent" --config "$dir/agent.toml" --print-key)" "$name" "$label" \
    >>"$FLEET/hosts.txt"
}

serin() { "$SERIN_BIN/serin" --run-dir "$FLEET/run" "$@"; }

fleet_start_controller() {
  "$SERIN_BIN/serin-controller" --config "$FLEET/controller.toml" >>"$FLEET/log/controller.log" 2>&1 &
  FLEET_CONTROLLER_PID=$!
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    if [ -S "$FLEET/run/operator.sock" ] && serin hosts >/dev/null 2>&1; then return 0; fi
    if ! kill -0 "$FLEET_CONTROLLER_PID" 2>/dev/null; then break; fi
    sleep 0.1
  done
  echo "the controller did not start:" >&2
  tail -n 20 "$FLEET/log/controller.log" >&2
  return 1
}

fleet_start_agent() {
  local i=$1 dir
  dir=$(fleet_host_dir "$i")
  "$SERIN_BIN/serin-agent" --config "$dir/agent.toml" >>"$dir/agent.log" 2>&1 &
  FLEET_AGENT_PIDS[i]=$!
}

# Waits until that many hosts are connected.
fleet_wait_connected() {
  local wanted=$1 tries count
  for ((tries = 0; tries < 300; tries++)); do
    count=$(serin hosts 2>/dev/null | grep -c ' connected ' || true)
    if ((count >= wanted)); then return 0; fi
    sleep 0.2
  done
  echo "only $count of $wanted hosts are connected:" >&2
  serin hosts >&2 || true
  return 1
}

fleet_start() {
  declare -ga FLEET_AGENT_PIDS=()
  fleet_start_controller || return 1
  serin hosts import "$FLEET/hosts.txt" >/dev/null || return 1
  local i
  for ((i = 1; i <= FLEET_HOSTS; i++)); do fleet_start_agent "$i"; done
  fleet_wait_connected "$FLEET_HOSTS"
}

fleet_stop() {
  local pid
  for pid in "${FLEET_AGENT_PIDS[@]:-}" "${FLEET_CONTROLLER_PID:-}"; do
    if [ -n "$pid" ]; then kill -TERM "$pid" 2>/dev/null || true; fi
  done
  for pid in "${FLEET_AGENT_PIDS[@]:-}" "${FLEET_CONTROLLER_PID:-}"; do
    if [ -n "$pid" ]; then wait "$pid" 2>/dev/null || true; fi
  done
  FLEET_AGENT_PIDS=()
  FLEET_CONTROLLER_PID=
}

# The release number that is live on host I, from its link: "r12-9f86d081884c" -> 12; nothing: 0.
fleet_live() {
  local target
  target=$(readlink "$(fleet_host_dir "$1")/live" 2>/dev/null) || { echo 0; return; }
  target=${target##*/r}
  echo "${target%%-*}"
}
