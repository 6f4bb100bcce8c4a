#!/usr/bin/env bash
# An agent that is killed again and again while its log grows and is rotated: at the end it has counted each line once.
. "$(dirname "$0")/lib.sh"

KILLS=60
fleet_init 1 1 0
dir=$(fleet_host_dir 1)
echo "ERROR before the agent" >"$dir/app.log"
fleet_start

recorded() { python3 "$SERIN_SOURCE/tests/support/recorded_totals.py" "$dir/state"; }
has_recorded() { [ "$(recorded)" = "$1" ]; }
wait_until 100 has_recorded "0 0"

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
  sleep "$((RANDOM % 2)).$((RANDOM % 10))"
  kill -KILL "${FLEET_AGENT_PIDS[1]}"
  wait "${FLEET_AGENT_PIDS[1]}" 2>/dev/null || true
  fleet_start_agent 1
done
touch "$FLEET/enough"
wait "$APPLICATIONS_PID"
APPLICATIONS_PID=
wait_until 200 has_recorded "$(cat "$FLEET/truth")"
kill "${FLEET_AGENT_PIDS[1]}"
wait "${FLEET_AGENT_PIDS[1]}" || true
has_recorded "$(cat "$FLEET/truth")" || fail "written $(cat "$FLEET/truth"), recorded $(recorded)"
fleet_start_agent 1
sleep 2
has_recorded "$(cat "$FLEET/truth")" || fail "after one more start: written $(cat "$FLEET/truth"), recorded $(recorded)"
echo "$KILLS kills, $(cat "$FLEET/truth") lines and errors, each counted once"
