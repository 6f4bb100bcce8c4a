#!/bin/bash
# What a daemon logs carries its priority when it goes to the journal, and the time when it goes elsewhere:
# journal_log_test.sh SERIN_AGENT
set -u
agent=$1
folder=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$folder"' EXIT
failures=0
cat >"$folder/agent.toml" <<EOF
state_dir = "$folder/state"
controller = "tcp://127.0.0.1:1"
controller_keys = ["bdecb88233df3849e1f48fd65bc25a1b840ed9c7f8d5b4d1882fa9eccc376782"]
release_keys = ["fc3746a636e2f618a75e838613b5609fff818c08ae749b2bf45f863c186265ad"]
[application.shop]
live = "$folder/none/live"
[[application.shop.source]]
path = "$folder/app.log"
[[application.shop.rule]]
name = "error"
match = "ERROR"
EOF
touch "$folder/app.log"

# log_of FILE [VARIABLE…]: what an agent writes there that cannot use its live path.
log_of() {
  local out=$1 tries
  shift
  : >"$out"
  env "$@" "$agent" --config "$folder/agent.toml" >"$out" 2>&1 &
  pid=$!
  for ((tries = 0; tries < 200; tries++)); do
    grep -q "create it" "$out" && break
    sleep 0.05
  done
  kill "$pid" && wait "$pid"
  pid=
}
expect() { # FILE PATTERN…: its lines fit them, one by one
  local file=$1 line
  shift
  while read -r line; do
    [[ $line =~ ^$1 ]] || { echo "FAILED: '$line' does not fit '$1'" && failures=$((failures + 1)); }
    shift
  done <"$file"
  (($# == 0)) || { echo "FAILED: no line for '$1'" && failures=$((failures + 1)); }
}

touch "$folder/journal"
log_of "$folder/journal" JOURNAL_STREAM="$(stat -c %d:%i "$folder/journal")"
expect "$folder/journal" '<6>serin-agent' '<3>shop: live path' '<6>stopping'

time='20[0-9-]+ [0-9:.]+'
log_of "$folder/file" JOURNAL_STREAM=1:2
expect "$folder/file" "$time info serin-agent" "$time error shop: live path" "$time info stopping"
exit "$failures"
