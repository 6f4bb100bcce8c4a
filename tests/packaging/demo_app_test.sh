#!/bin/bash
# The demo's application does what its README says: demo_app_test.sh FOLDER-OF-DEMO-APP
set -u
app=$1
folder=$(mktemp -d)
failures=0 worker=''
cleanup() {
  touch "$folder/run/stop" 2>/dev/null
  [[ $worker ]] && kill "$worker" 2>/dev/null
  rm -rf "$folder"
}
trap cleanup EXIT

expect() { # SENTENCE COMMAND...
  local sentence=$1
  shift
  if "$@"; then
    echo "ok: $sentence"
  else
    echo "FAILED: $sentence ($*)"
    failures=$((failures + 1))
  fi
}
# Until the command succeeds, at most 10 s.
eventually() {
  local tries
  for ((tries = 0; tries < 200; ++tries)); do
    "$@" && return 0
    sleep 0.05
  done
  return 1
}
reload() { "$app/bin/shop-reload" --live "$folder/live" --run "$folder/run" --seconds "${1:-5}" >"$folder/output"; }
reload_fails() { ! reload "$@"; }
said() { grep -q -- "$1" "$folder/output"; }
logged() { grep -q -- "$1" "$folder/shop.log"; }
not_logged() { ! logged "$1"; }
logs_more() { (($(grep -c -- "$1" "$folder/shop.log") > $2)); }
switch_to() { ln -sfn "$folder/$1" "$folder/next" && mv -T "$folder/next" "$folder/live"; }
start() {
  "$app/bin/shop-worker" --live "$folder/live" --log "$folder/shop.log" --run "$folder/run" "$@" &
  worker=$!
  eventually test -e "$folder/run/loaded"
}
ended() { ! kill -0 "$worker" 2>/dev/null; }

for release in 1 2 3 unloadable; do cp -rT "$app/releases/$release" "$folder/$release"; done

switch_to 1
expect "without a worker the hook fails" reload_fails
expect "and says what to start" said "start shop-worker"
rm "$folder/live"

start
expect "without a release the worker waits" logged "waiting for the first release"
expect "the hook fails while nothing is live" reload_fails
switch_to 1
expect "release 1 loads" reload
expect "and serves" eventually logged "INFO /checkout 200"
expect "with one ERROR line in forty requests" eventually logged "ERROR order [0-9]*: the gift card"
expect "and none other" not_logged "ERROR /"

switch_to 2
before=$(grep -c " 200 " "$folder/shop.log")
expect "before the hook the old code goes on" eventually logs_more " 200 " $((before + 5))
expect "with no error of the new one" not_logged "ERROR /"
expect "release 2 loads" reload
expect "and fails its requests" eventually logs_more "ERROR /" 6
expect "with the shell's complaint in the log" logged "shop_price_of: command not found"

switch_to unloadable
expect "a release that does not parse fails the hook" reload_fails
expect "with the reason" said "syntax error"

switch_to 3
expect "release 3 loads after it" reload
errors=$(grep -c "ERROR /" "$folder/shop.log")
expect "and serves again" eventually logged "INFO /product/3 200 38 bytes"
expect "without failing" [ "$(grep -c "ERROR /" "$folder/shop.log")" = "$errors" ]

mv "$folder/shop.log" "$folder/shop.log.1"
expect "after a rotation the hook" reload
expect "opens the log anew" eventually logged " 200 "

kill -STOP "$worker"
expect "a worker that hangs fails the hook" reload_fails 1
expect "within its bound" said "did not load"
kill -CONT "$worker"

touch "$folder/run/stop"
expect "a stop file ends the worker" eventually ended
rm "$folder/run/stop"

start --seconds 1
expect "it ends by itself when its time is over" eventually ended

sleep 60 &
parent=$!
start --parent "$parent"
kill "$parent"
wait "$parent" 2>/dev/null
expect "it ends when its parent is gone" eventually ended

((failures == 0))
