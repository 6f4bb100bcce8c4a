#!/usr/bin/env bash
# Hosts in trouble: a log that cannot be read, a reload hook that hangs, live paths that cannot be switched, two agents
# with one key, a host without agent. Each is shown with its reason, and the others go on.
. "$(dirname "$0")/lib.sh"

mkdir -p "$FLEET"
cat >"$FLEET/reload" <<'EOS'
#!/bin/sh
[ ! -e "$1/hang" ] || exec sleep 600
EOS
chmod +x "$FLEET/reload"
FLEET_RELOAD="[\"$FLEET/reload\", \"%HOST%\"]"
FLEET_AGENT_LINES='reload_timeout = "2s"'
fleet_init 8 2 1
echo one >"$FLEET/staging/index"

# web-04: its log is a folder; web-05: the live path is a real folder with a file that no release has; web-06: a foreign link; web-07: its parent is gone.
rm "$FLEET/hosts/web-04/app.log" && mkdir "$FLEET/hosts/web-04/app.log"
mkdir "$FLEET/hosts/web-05/live"
echo mine >"$FLEET/hosts/web-05/live/notes"
ln -s /tmp "$FLEET/hosts/web-06/live"
sed -i "s|^live = .*|live = \"$FLEET/hosts/web-07/no/such/live\"|" "$FLEET/hosts/web-07/agent.toml"
fleet_start
run_applications
expect_exit 0 serin status
expect_text "BLIND"
expect_text "web-04/app.log"

# Forced: the good ones run it, the others are listed with their reason (6: released, but some hosts lack it).
expect_exit 6 serin deploy --force -m "first release"
expect_text "web-05"
expect_text "real folder"
expect_text "web-06"
expect_text "/tmp"
expect_text "web-07"
expect_text "no/such"
expect_live 1 1
expect_live 4 1
expect_live 8 1
if [ -L "$FLEET/hosts/web-05/live" ] || [ ! -d "$FLEET/hosts/web-05/live" ]; then fail "the real folder of web-05 was touched"; fi
[ "$(readlink "$FLEET/hosts/web-06/live")" = /tmp ] || fail "the foreign link of web-06 was touched"

# A canary whose reload hook hangs: stopped after its timeout, the agent goes back by itself, the deployment fails.
wait_for_baseline
touch "$FLEET/hosts/web-01/hang"
echo two >"$FLEET/staging/index"
status=0
OUTPUT=$(serin deploy -m "hangs" 2>&1) || status=$?
# The way back runs the same hook, which hangs too: the host is broken, and said so (7: not everyone is back).
((status == 7)) || fail "exit $status instead of 7: $OUTPUT"
expect_text "web-01"
expect_text "within 2s"
expect_live 1 1
expect_live 2 1
expect_exit 0 serin status
expect_text "broken"
rm "$FLEET/hosts/web-01/hang"

# Two agents with one key (a cloned machine): neither wins, both are shown.
cp -r "$FLEET/hosts/web-08" "$FLEET/hosts/clone"
rm -f "$FLEET/hosts/clone/state/lock"
sed -i "s|/hosts/web-08/|/hosts/clone/|g; s|/hosts/web-08\"|/hosts/clone\"|g" "$FLEET/hosts/clone/agent.toml"
rm -rf "$FLEET/hosts/clone/live" "$FLEET/hosts/clone/live.slots"
"$SERIN_BIN/serin-agent" --config "$FLEET/hosts/clone/agent.toml" >>"$FLEET/hosts/clone/agent.log" 2>&1 &
FLEET_AGENT_PIDS[13]=$!
in_conflict() { serin status | grep web-08 | grep -q conflict; }
wait_until 300 in_conflict
expect_exit 0 serin hosts
expect_text "conflict"
kill "${FLEET_AGENT_PIDS[13]}"
wait "${FLEET_AGENT_PIDS[13]}" 2>/dev/null || true

# A host without agent is silent, then left out; what it missed it catches up when it is back.
kill -9 "${FLEET_AGENT_PIDS[3]}"
wait "${FLEET_AGENT_PIDS[3]}" 2>/dev/null || true
wait_until 300 sh -c "'$SERIN_BIN/serin' --run-dir '$FLEET/run' status | grep web-03 | grep -qE 'silent|lost'"
echo three >"$FLEET/staging/index"
expect_exit 6 serin deploy --force --yes -m "without web-03"
expect_text "web-03"
expect_live 1 3
expect_live 3 1
fleet_start_agent 3
wait_until 300 sh -c "readlink '$FLEET/hosts/web-03/live' | grep -q r3-"
