#!/usr/bin/env bash
# A bad release is caught on the canaries and taken back; no other host ever runs it. What follows ships nothing of it.
. "$(dirname "$0")/lib.sh"

fleet_init 12 3 2
mkdir -p "$FLEET/staging/lib"
echo one >"$FLEET/staging/index"
echo library >"$FLEET/staging/lib/code"
fleet_start
run_applications
expect_exit 0 serin deploy -m "first release"
expect_text "no verdict: first release"
expect_all_live 1
wait_for_baseline

watch_links
echo boom >"$FLEET/staging/broken"
expect_exit 3 serin deploy -m "breaks the shop"
expect_text "web-01"
kill "$WATCHER_PID" && WATCHER_PID=
expect_all_live 1
while read -r host slot; do
  case $slot in r2-*) ((host <= 3)) || fail "web-$host ran $slot before any verdict" ;; esac
done <"$FLEET/seen"
grep -q 'r2-' "$FLEET/seen" || fail "the canaries never ran r2: nothing was tested"

# One other path goes out over the released tree: the broken file is still in staging and must not be shipped.
echo two >"$FLEET/staging/index"
sleep 6
expect_exit 0 serin deploy "$FLEET/staging/index" -m "only the index"
expect_all_live 3
for ((i = 1; i <= FLEET_HOSTS; i++)); do
  [ ! -e "$(fleet_host_dir "$i")/live/broken" ] || fail "web-$i has the failed release's file"
  [ "$(cat "$(fleet_host_dir "$i")/live/index")" = two ] || fail "web-$i lacks the new index"
done

expect_exit 0 serin rollback --yes
expect_all_live 1
expect_exit 0 serin history
expect_text "breaks the shop"
expect_text "taken back"
