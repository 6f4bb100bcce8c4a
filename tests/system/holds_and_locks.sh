#!/usr/bin/env bash
# An inconclusive verdict holds; only one deployment at a time; what ends a held one; Ctrl-C; a CLI that is killed.
. "$(dirname "$0")/lib.sh"

FLEET_CONTROLLER_LINES='judge = "fixed"
wait = "3s"
baseline_min = "1h"
step_deadline = "30s"'
fleet_init 6 2 1
echo one >"$FLEET/staging/index"
fleet_start
run_applications
expect_exit 0 serin deploy -m "first release"
expect_all_live 1

# No canary has an hour of baseline: the judge cannot tell, which is never a pass. Off a terminal the CLI says 4 and ends.
echo two >"$FLEET/staging/index"
expect_exit 4 serin deploy -m "second release"
expect_text "no-baseline"
expect_text "serin continue"
expect_live 6 1

# Another deploy is refused with owner, phase and what to do; so is a second rollback without --yes.
expect_exit 5 serin deploy -m "impatient"
expect_text "held"
expect_text "$(id -un)"
expect_text "serin abort"
expect_exit 5 serin rollback
expect_text "--yes"
expect_exit 0 serin status
expect_text "held"

# continue lets it go on, which is recorded like a force.
expect_exit 0 serin continue
expect_all_live 2
expect_exit 0 serin history
expect_text "continued by"

# abort takes a held one back.
echo three >"$FLEET/staging/index"
expect_exit 4 serin deploy -m "third release"
expect_exit 3 serin abort
expect_all_live 2

# A forced deploy ends the held one and goes out in its place.
echo four >"$FLEET/staging/index"
expect_exit 4 serin deploy -m "fourth release"
expect_exit 5 serin deploy --force -m "no time"
expect_exit 0 serin deploy --force --yes -m "no time"
expect_all_live 5

# A CLI that is killed changes nothing: the deployment lives in the daemon. --json gives a document a line.
echo five >"$FLEET/staging/index"
serin deploy --wait 6s -m "fifth release" >"$FLEET/killed.out" 2>&1 &
cli=$!
wait_until 100 phase_is soaking
kill -9 "$cli"
wait "$cli" 2>/dev/null || true
wait_until 150 phase_is held
expect_exit 3 serin abort --json
while read -r line; do jq -e . <<<"$line" >/dev/null || fail "no JSON: $line"; done <<<"$OUTPUT"

# Ctrl-C takes it back and shows it to its end.
# (A job in the background of a script ignores SIGINT, unless it is told not to.)
env --default-signal=INT "$SERIN_BIN/serin" --run-dir "$FLEET/run" deploy --wait 60s -m "sixth release" >"$FLEET/interrupted.out" 2>&1 &
cli=$!
wait_until 100 phase_is soaking
kill -INT "$cli"
status=0
wait "$cli" || status=$?
((status == 3)) || fail "exit $status after Ctrl-C instead of 3: $(cat "$FLEET/interrupted.out")"
grep -q "aborted by" "$FLEET/interrupted.out" || fail "$(cat "$FLEET/interrupted.out")"
expect_all_live 5
