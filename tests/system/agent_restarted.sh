#!/usr/bin/env bash
# An agent that starts again says what is live before anybody orders something: nothing is loaded a second time.
. "$(dirname "$0")/lib.sh"

mkdir -p "$FLEET"
# shellcheck disable=SC2016 # for the script that it writes
printf '#!/bin/sh\necho "$SERIN_RELEASE" >>"$1/reloaded"\n' >"$FLEET/reload"
chmod +x "$FLEET/reload"
FLEET_RELOAD="[\"$FLEET/reload\", \"%HOST%\"]"
fleet_init 2 1 0
echo one >"$FLEET/staging/index"
fleet_start
expect_exit 0 serin deploy --force -m "first release"
expect_all_live 1

dir=$(fleet_host_dir 1)
connections() { [ "$(grep -c ' connected to ' "$dir/agent.log")" = "$1" ]; }
for ((restart = 2; restart <= 5; restart++)); do
  kill "${FLEET_AGENT_PIDS[1]}"
  wait "${FLEET_AGENT_PIDS[1]}" || true
  fleet_start_agent 1
  wait_until 300 connections "$restart"
done

# Its next step is the next release; a needless one would have come before it.
echo two >"$FLEET/staging/index"
expect_exit 0 serin deploy --force -m "second release"
expect_all_live 2
[ "$(xargs <"$dir/reloaded")" = "1 2" ] || fail "web-01 ran its reload hook for: $(xargs <"$dir/reloaded")"
