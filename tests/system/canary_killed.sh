#!/usr/bin/env bash
# A canary's agent is killed (-9) while it applies, and started again: it ends its step by itself, from its journal.
. "$(dirname "$0")/lib.sh"

mkdir -p "$FLEET"
cat >"$FLEET/reload" <<'EOF'
#!/bin/sh
# A reload that takes a moment, so that there is something to kill.
echo "$SERIN_RELEASE" >>"$1/reloaded"
sleep 2
EOF
chmod +x "$FLEET/reload"
FLEET_CONTROLLER_LINES+='
on_inconclusive = "abort"'
FLEET_RELOAD="[\"$FLEET/reload\", \"%HOST%\"]"
fleet_init 12 3 2
echo one >"$FLEET/staging/index"
fleet_start
run_applications
expect_exit 0 serin deploy --force -m "first release"
wait_for_baseline

: >"$FLEET/hosts/web-02/reloaded"
echo two >"$FLEET/staging/index"
expect_exit 0 serin deploy --detach -m "second release"
wait_until 200 test -s "$FLEET/hosts/web-02/reloaded"
kill -9 "${FLEET_AGENT_PIDS[2]}"
wait "${FLEET_AGENT_PIDS[2]}" 2>/dev/null || true
case $(fleet_live 2) in 1 | 2) ;; *) fail "web-02 has no whole release live" ;; esac
fleet_start_agent 2
wait_until 900 nothing_runs
# A restarted canary was away for a part of its wait or not: whatever the verdict, every host stands where it says.
status_json >"$FLEET/status.json"
if grep -q '"outcome":"released"' "$FLEET/status.json"; then expect_all_live 2; else expect_all_live 1; fi
for ((i = 1; i <= FLEET_HOSTS; i++)); do
  dir=$(fleet_host_dir "$i")
  case $(fleet_live "$i") in
  1) [ "$(cat "$dir/live/index")" = one ] || fail "web-$i: r1 does not hold its own file" ;;
  2) [ "$(cat "$dir/live/index")" = two ] || fail "web-$i: r2 does not hold its own file" ;;
  esac
done
