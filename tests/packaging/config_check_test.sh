#!/bin/bash
# --check of both daemons: config_check_test.sh SERIN_CONTROLLER SERIN_AGENT PACKAGING_FOLDER
set -u
controller=$1 agent=$2 samples=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# expect EXIT STDOUT STDERR COMMAND…
expect() {
  local status=$1 out=$2 err=$3 got=0
  shift 3
  "$@" >"$folder/out" 2>"$folder/err" || got=$?
  if ((got != status)) || [ "$(cat "$folder/out")" != "$out" ] || [ "$(cat "$folder/err")" != "$err" ]; then
    echo "FAILED: $*: exit $got instead of $status, it said:" && cat "$folder/out" "$folder/err"
    failures=$((failures + 1))
  fi
}

for daemon in controller agent; do
  program=$controller
  if [ $daemon = agent ]; then program=$agent; fi
  expect 0 "$samples/$daemon.toml: good (1 application: shop)" "" "$program" --config "$samples/$daemon.toml" --check

  bad=$folder/bad-$daemon.toml
  { cat "$samples/$daemon.toml" && echo 'wiat = 1' && echo 'kepe = 2'; } >"$bad"
  "$program" --config "$bad" --check >"$folder/out" 2>"$folder/err" && echo "FAILED: $bad is good" && exit 1
  cp "$folder/err" "$folder/mistakes"
  if [ "$(grep -c "^$bad:[0-9]*: application.shop" "$folder/err")" != 2 ] || [ -s "$folder/out" ]; then
    echo "FAILED: $program does not name both mistakes on stderr:" && cat "$folder/err"
    failures=$((failures + 1))
  fi
  expect 1 "" "serin-$daemon: open $folder/none: No such file or directory" "$program" --config "$folder/none" --check
  # Started as a service it says the same, with the status that the unit does not start again.
  expect 78 "" "serin-$daemon: open $folder/none: No such file or directory" "$program" --config "$folder/none"
  expect 78 "" "$(cat "$folder/mistakes")" "$program" --config "$bad"
done
: >"$folder/empty.toml"
expect 0 "$folder/empty.toml: good (0 applications)" "" "$controller" --config "$folder/empty.toml" --check
exit "$failures"
