#!/usr/bin/env bash
# An agent that is killed 200 times, and a controller that is killed three times, while the log grows and is rotated: at
# the end the controller's sums are what was written, each line once.
. "$(dirname "$0")/lib.sh"

KILLS=200
fleet_init 1 1 0
dir=$(fleet_host_dir 1)
echo "ERROR before the agent" >"$dir/app.log"
fleet_start

counted() {
  serin errors --json | python3 -c 'import json, sys
totals = json.load(sys.stdin)["hosts"][0]["totals"]
print(totals["lines"], totals["errors"])'
}
has_counted() { [ "$(counted)" = "$1" ]; }
reports() { serin errors | grep -q "1 of 1 hosts report"; }
wait_until 100 reports
has_counted "0 0" || fail "what stood there before the agent was counted: $(counted)"

# An application, and logrotate beside it.
(
  trap 'exit 0' TERM
  lines=0 errors=0
  exec 3>>"$dir/app.log"
  while :; do
    for ((i = 0; i < 20; i++)); do
      if ((lines % 7 == 0)); then
        echo "$lines ERROR something broke" >&3
        errors=$((errors + 1))
      else
        echo "$lines fine" >&3
      fi
      lines=$((lines + 1))
    done
    echo "$lines $errors" >"$FLEET/truth.new" && mv "$FLEET/truth.new" "$FLEET/truth"
    if ((lines % 4000 == 0)); then
      for ((n = 20; n > 1; n--)); do
        [ ! -e "$dir/app.log.$((n - 1))" ] || mv "$dir/app.log.$((n - 1))" "$dir/app.log.$n"
      done
      mv "$dir/app.log" "$dir/app.log.1"
      exec 3>>"$dir/app.log"
    fi
    sleep 0.02
    [ ! -e "$FLEET/enough" ] || exit 0
  done
) &
APPLICATIONS_PID=$!

RANDOM=20261
for ((kill = 0; kill < KILLS; kill++)); do
  sleep "0.$((RANDOM % 10))"
  if ((kill % 60 == 59)); then
    kill -KILL "$FLEET_CONTROLLER_PID"
    wait "$FLEET_CONTROLLER_PID" 2>/dev/null || true
    fleet_start_controller
  fi
  kill -KILL "${FLEET_AGENT_PIDS[1]}"
  wait "${FLEET_AGENT_PIDS[1]}" 2>/dev/null || true
  fleet_start_agent 1
done
touch "$FLEET/enough"
wait "$APPLICATIONS_PID"
APPLICATIONS_PID=
wait_until 600 has_counted "$(cat "$FLEET/truth")"
kill "${FLEET_AGENT_PIDS[1]}"
wait "${FLEET_AGENT_PIDS[1]}" || true
fleet_start_agent 1
sleep 3
has_counted "$(cat "$FLEET/truth")" || fail "written $(cat "$FLEET/truth"), after one more start $(counted)"
echo "$KILLS kills, $(cat "$FLEET/truth") lines and errors, each counted once"
