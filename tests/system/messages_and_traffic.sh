#!/usr/bin/env bash
# What the sequential judge sees beside the number of errors, over a fleet of real processes: a message that is new with
# the release fails it although no host logs more errors than before; three times the requests excuse three times the
# errors; canaries that nobody asks anything do not pass. `serin errors` shows what the fleet logs.
. "$(dirname "$0")/lib.sh"

FLEET_CONTROLLER_LINES='baseline_min = "10s"
excess_pass = 0.5
settle = "2s"
hold_back_until = "3s"
horizon = "25s"
hold_limit = "10m"'
FLEET_SOURCES='[[application.shop.source]]
path = "%HOST%/access.log"
requests = true'
fleet_init 12 3 1
for ((i = 1; i <= FLEET_HOSTS; i++)); do : >"$(fleet_host_dir "$i")/access.log"; done
echo one >"$FLEET/staging/index"
fleet_start

# Every host logs about one error a second and forty requests. The live tree says what is different: "cart" makes other
# words of the same errors, "busy" three times the errors and requests, "idle" no requests.
(
  for ((round = 0; round < 3000; round++)); do
    for ((i = 1; i <= FLEET_HOSTS; i++)); do
      dir="$FLEET/hosts/$(printf 'web-%02d' "$i")" times=1 words='ERROR 12:00:01 bob.smith@example.org lost connection to 10.0.0.9'
      if [ -e "$dir/live/cart" ]; then words='ERROR 12:00:02 Call to undefined function total() in /srv/shop/Cart.php:17'; fi
      if [ -e "$dir/live/busy" ]; then times=3; fi
      for ((n = 0; n < times; n++)); do
        echo 'loaded a page' >>"$dir/app.log"
        if (((round + 3 * i + n) % 4 == 0)); then echo "$words" >>"$dir/app.log"; fi
        if [ ! -e "$dir/live/idle" ]; then
          printf 'GET / 200\nGET / 200\nGET /cart 200\nGET / 200\n' >>"$dir/access.log"
        fi
      done
    done
    read -r -t 0.1 <> <(:) || true
  done
) &
APPLICATIONS_PID=$!

expect_exit 0 serin deploy -m "first release"
sleep 15
watched=$(timeout --preserve-status -s INT 5 "$SERIN_BIN/serin" --run-dir "$FLEET/run" errors --since 1m --watch) ||
  fail "Ctrl-C ends --watch with $?"

(("$(grep -c "12 of 12 hosts report" <<<"$watched")" >= 2)) || fail "--watch says it once: $watched"

errors_field() { serin errors --json "${@:2}" | python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"; }

echo "what the fleet logs is shown"
expect_exit 0 serin errors
expect_text "12 of 12 hosts report"
expect_text "lost connection to"
[ "$(errors_field 'len(d["messages"])')" = 1 ] || fail "one message, the same on all hosts, is expected"
[ "$(errors_field 'd["messages"][0]["hosts"]')" = 12 ] || fail "it is on all hosts"
[ "$(errors_field 'd["messages"][0]["new"]')" = False ] || fail "the first release is trusted: what it logs is not new"
(("$(errors_field 'd["requests"]')" > 1000)) || fail "requests are counted"

echo "a message that is new with the release fails it"
touch "$FLEET/staging/cart"
expect_exit 3 serin deploy -m "other words"
expect_text "verdict fail"
expect_text "a message that is new with this release"
expect_text "Call to undefined function total()"
expect_all_live 1
[ "$(errors_field 'sum(m["new"] for m in d["messages"])')" = 1 ] || fail "the new message is marked"
expect_exit 0 serin errors --group canary
expect_text "NEW"
expect_exit 0 serin show 2 --trace
expect_text "requests,signatures"
serin show 2 --trace >"$FLEET/trace.csv"
expect_exit 0 serin judge "$FLEET/trace.csv"
seconds=$(serin show 2 --json |
  python3 -c 'import json, sys; print(int(json.loads(sys.stdin.readline())["verdict"]["seconds"]))')
[ "$(head -n 1 <<<"$OUTPUT")" = "FAIL $seconds" ] || fail "the replay says $OUTPUT instead of FAIL $seconds"
rm "$FLEET/staging/cart"

echo "canaries without requests do not pass"
sleep 12
touch "$FLEET/staging/idle"
expect_exit 4 serin deploy -m "nobody comes"
expect_text "no-traffic"
expect_exit 3 serin abort
expect_all_live 1
rm "$FLEET/staging/idle"

echo "three times the requests excuse three times the errors"
sleep 12
touch "$FLEET/staging/busy"
expect_exit 0 serin deploy -m "gets more traffic"
expect_text "verdict pass"
expect_all_live 4

echo "whose errors they were has not left the hosts"
for secret in bob.smith 10.0.0.9; do
  found=$(grep -rlaF "$secret" "$FLEET/state" "$FLEET/log" "$FLEET"/hosts/*/agent.log) && fail "$secret is in $found"
  grep -qF "$secret" "$FLEET/hosts/web-01/app.log" || fail "$secret is not even in the log"
done

echo "the sums are exact over a restart of every process"
kill "$APPLICATIONS_PID" && APPLICATIONS_PID=
sleep 3
truth=$(cat "$FLEET"/hosts/*/app.log | grep -c ERROR)
counted() { [ "$(errors_field 'sum(h["totals"]["errors"] for h in d["hosts"])')" = "$truth" ]; }
wait_until 100 counted
for ((i = 1; i <= FLEET_HOSTS; i++)); do
  { kill -KILL "${FLEET_AGENT_PIDS[i]}" && wait "${FLEET_AGENT_PIDS[i]}"; } 2>/dev/null || true
  log_errors "$i" 5
  fleet_start_agent "$i"
done
truth=$((truth + 5 * FLEET_HOSTS))
wait_until 200 counted
