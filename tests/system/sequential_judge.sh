#!/usr/bin/env bash
# The sequential judge over a fleet of real processes: a bad release is caught within seconds, a good one passes early,
# a fault that begins later is found while some hosts still run the old release, and one that comes when all run the new
# release raises an alarm. A stored verdict can be replayed.
. "$(dirname "$0")/lib.sh"

cat >"$FLEET/tell" <<'EOF'
#!/bin/sh
echo "$*" >>"$(dirname "$0")/told"
EOF
chmod +x "$FLEET/tell"
FLEET_CONTROLLER_LINES='baseline_min = "10s"
excess_pass = 0.5
settle = "2s"
hold_back = "25%"
hold_back_until = "25s"'
fleet_init 12 3 2
sed -i "1i announce = [\"$FLEET/tell\"]" "$FLEET/controller.toml"
echo one >"$FLEET/staging/index"
fleet_start

# Every host logs ten lines a second and now and then an error; ten errors a second where the release is faulty: at once
# when it holds the file "broken", and when $FLEET/fault names the release that turns out so.
(
  for ((round = 0; round < 3000; round++)); do
    fault=$(cat "$FLEET/fault" 2>/dev/null || echo none)
    for ((i = 1; i <= FLEET_HOSTS; i++)); do
      dir="$FLEET/hosts/$(printf 'web-%02d' "$i")"
      live=$(readlink "$dir/live" 2>/dev/null || true)
      if [ -e "$dir/live/broken" ] || [[ ${live##*/} == "$fault"-* ]]; then
        printf 'ERROR cannot serve\nERROR cannot serve\nGET / 500\n' >>"$dir/app.log"
      elif (((round + 7 * i) % 25 == 0)); then
        printf 'GET / 200\nERROR now and then\n' >>"$dir/app.log"
      else
        printf 'GET / 200\nGET /cart 200\n' >>"$dir/app.log"
      fi
    done
    read -r -t 0.15 <> <(:) || true
  done
) &
APPLICATIONS_PID=$!

expect_exit 0 serin deploy -m "first release"
sleep 20

echo "a bad release is caught"
watch_links
echo boom >"$FLEET/staging/broken"
expect_exit 3 serin deploy -m "breaks the shop"
expect_text "verdict fail"
expect_text "errors/s/host"
kill "$WATCHER_PID" && WATCHER_PID=
expect_all_live 1
while read -r host slot; do
  case $slot in r2-*) ((host <= 3)) || fail "web-$host ran $slot before any verdict" ;; esac
done <"$FLEET/seen"

echo "its verdict can be replayed"
expect_exit 0 serin show 2
expect_text "of the sequential judge"
seconds=$(serin show 2 --json |
  python3 -c 'import json, sys; print(int(json.loads(sys.stdin.readline())["verdict"]["seconds"]))')
((seconds <= 15)) || fail "it took $seconds s to see ten errors a second"
serin show 2 --trace >"$FLEET/trace.csv"
expect_exit 0 serin judge "$FLEET/trace.csv"
[ "$(head -n 1 <<<"$OUTPUT")" = "FAIL $seconds" ] || fail "the replay says $(head -n 1 <<<"$OUTPUT")"

echo "a good one passes before its horizon"
rm "$FLEET/staging/broken"
sleep 12
echo two >"$FLEET/staging/index"
expect_exit 0 serin deploy -m "a good one"
expect_text "verdict pass"
expect_text "held back for"
expect_all_live 3

echo "a fault that begins after the verdict is found while controls are left"
sed -i 's/^hold_back_until.*/hold_back_until = "100s"/' "$FLEET/controller.toml"
kill -TERM "$FLEET_CONTROLLER_PID" && wait "$FLEET_CONTROLLER_PID"
fleet_start_controller
fleet_wait_connected "$FLEET_HOSTS"
sleep 15
echo three >"$FLEET/staging/index"
expect_exit 0 serin deploy --detach -m "slowly worse"
stage_is() { status_json | grep -q "\"stage\":\"$1\""; }
wait_until 900 stage_is last
echo r4 >"$FLEET/fault"
wait_until 600 nothing_runs
status_json | grep -q '"outcome":"taken_back"' || fail "the later stages were not watched"
expect_all_live 3
rm "$FLEET/fault"

echo "and one that comes when nobody runs the old release raises an alarm"
sleep 15
echo four >"$FLEET/staging/index"
expect_exit 0 serin deploy --force -m "no time"
expect_all_live 5
echo r5 >"$FLEET/fault"
wait_until 1200 grep -q '^alarm ' "$FLEET/told"
expect_exit 0 serin status
expect_text "ALARM"
expect_text "serin rollback"
expect_exit 0 serin rollback --yes
expect_all_live 3
