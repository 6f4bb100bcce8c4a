# shellcheck shell=bash
# For the system tests: a fleet of real processes that is stopped and removed at the end, and checks that say what was
# expected. $SERIN_BIN holds the programs; $SERIN_SOURCE the source tree.
set -euo pipefail
: "${SERIN_BIN:?folder with serin, serin-controller and serin-agent}"
: "${SERIN_SOURCE:?source folder}"

FLEET=$(mktemp -d "${TMPDIR:-/tmp}/serin-test.XXXXXX")
WATCHER_PID=
APPLICATIONS_PID=
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=1"
# Short times: the tests wait for the judge's clock, never for a guess.
FLEET_CONTROLLER_LINES='judge = "fixed"
wait = "4s"
baseline_min = "5s"
step_deadline = "30s"'
# shellcheck source=packaging/fleet.sh
. "$SERIN_SOURCE/packaging/fleet.sh"

finish() {
  local status=$?
  set +e
  for pid in $WATCHER_PID $APPLICATIONS_PID; do
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  fleet_stop
  if ((status != 0)); then
    echo "--- controller" && tail -n 40 "$FLEET/log/controller.log"
    for log in "$FLEET"/hosts/*/agent.log; do echo "--- $log" && tail -n 8 "$log"; done
    serin_logs_have_findings || true
  elif serin_logs_have_findings; then
    status=1
  fi
  fleet_at_end
  rm -rf "$FLEET"
  exit "$status"
}
trap finish EXIT

# A sanitizer's report in any log is a failure of its own.
serin_logs_have_findings() {
  grep -lE 'ERROR: (Address|Leak|Thread)Sanitizer|runtime error:|WARNING: ThreadSanitizer' \
    "$FLEET"/log/*.log "$FLEET"/hosts/*/agent.log 2>/dev/null | while read -r log; do
    echo "--- sanitizer report in $log"
    grep -nE -A 12 'Sanitizer|runtime error:' "$log" | head -40
  done | grep . 
}

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect_exit CODE COMMAND…: runs it, keeps its output in $OUTPUT.
expect_exit() {
  local wanted=$1 status=0
  shift
  OUTPUT=$("$@" 2>&1) || status=$?
  if ((status != wanted)); then
    echo "$OUTPUT"
    fail "exit $status instead of $wanted: $*"
  fi
}

# expect_text TEXT: the last expect_exit printed it.
expect_text() {
  if [[ "$OUTPUT" != *"$1"* ]]; then
    echo "$OUTPUT"
    fail "the output does not say: $1"
  fi
}

expect_live() {
  local host=$1 release=$2 live
  live=$(fleet_live "$host")
  [ "$live" = "$release" ] || fail "$(fleet_host_name "$host") runs r$live instead of r$release"
}

expect_all_live() {
  local i
  for ((i = 1; i <= FLEET_HOSTS; i++)); do expect_live "$i" "$1"; done
}

# Until the hosts have run a trusted release for longer than the 5 s that baseline_min asks for here.
wait_for_baseline() { sleep 12; }

status_json() { serin status --json; }
phase_is() { status_json | grep -q "\"phase\":\"$1\""; }
nothing_runs() { status_json | grep -q '"deployment":null'; }

# Watches every live link and writes each new target of each host to $FLEET/seen: "HOST RELEASE".
watch_links() {
  (
    declare -A last=()
    while :; do
      for ((i = 1; i <= FLEET_HOSTS; i++)); do
        target=$(readlink "$FLEET/hosts/$(printf 'web-%02d' "$i")/live" 2>/dev/null || true)
        if [ "${last[$i]:-}" != "$target" ]; then
          last[$i]=$target
          echo "$i ${target##*/}" >>"$FLEET/seen"
        fi
      done
      read -r -t 0.01 <> <(:) || true
    done
  ) &
  WATCHER_PID=$!
}

# log_errors HOST COUNT: as an application would.
log_errors() {
  local dir i
  dir=$(fleet_host_dir "$1")
  for ((i = 0; i < $2; i++)); do echo "ERROR something broke $i" >>"$dir/app.log"; done
}

# A running application: every host logs ten lines a second, and errors when the live tree holds a file "broken".
run_applications() {
  (
    for ((round = 0; round < 3000; round++)); do
      for ((i = 1; i <= FLEET_HOSTS; i++)); do
        dir="$FLEET/hosts/$(printf 'web-%02d' "$i")"
        if [ -e "$dir/live/broken" ]; then
          printf 'ERROR cannot serve\nERROR cannot serve\nGET / 500\n' >>"$dir/app.log" 2>/dev/null || true
        else
          printf 'GET / 200\nGET /cart 200\n' >>"$dir/app.log" 2>/dev/null || true
        fi
      done
      read -r -t 0.2 <> <(:) || true
    done
  ) &
  APPLICATIONS_PID=$!
}
