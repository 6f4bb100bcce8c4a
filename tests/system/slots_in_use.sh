#!/usr/bin/env bash
# A process that was started from the oldest slot goes on with its own files through five quick deploys, and is shown.
. "$(dirname "$0")/lib.sh"

PROGRAM_PID=
stop_program() { [ -z "$PROGRAM_PID" ] || kill "$PROGRAM_PID" 2>/dev/null; }
at_end stop_program

mkdir -p "$FLEET"
FLEET_AGENT_LINES='slots = 2
idle_grace = "1s"'
fleet_init 1 1 0

# A program that imports a module of its own tree again and again, as workers do that load code when they need it.
mkdir "$FLEET/staging/app"
cat >"$FLEET/staging/main.py" <<'EOS'
import importlib
import os
import sys
import time

here = os.path.dirname(os.path.realpath(__file__))
os.chdir(here)
sys.path.insert(0, here)
sys.dont_write_bytecode = True
while True:
    for name in [name for name in sys.modules if name.startswith("app")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    with open(sys.argv[1] + ".new", "w", encoding="ascii") as seen:
        seen.write(importlib.import_module("app.version").VERSION)
    with open(sys.argv[1] + ".new", encoding="ascii") as seen, open(sys.argv[1], "a", encoding="ascii") as log:
        log.write(seen.read() + "\n")
    time.sleep(0.005)
EOS
version() {
  echo "VERSION = \"$1\"" >"$FLEET/staging/app/version.py"
  touch "$FLEET/staging/app/__init__.py"
}
version 1
fleet_start
expect_exit 0 serin deploy --force --yes -m one
python3 "$FLEET/hosts/web-01/live/main.py" "$FLEET/seen" 2>"$FLEET/program.err" &
PROGRAM_PID=$!
wait_until 100 test -s "$FLEET/seen"
oldest=$(basename "$(readlink "$FLEET/hosts/web-01/live")")

for number in 2 3 4 5 6; do
  version "$number"
  expect_exit 0 serin deploy --force --yes -m "$number"
  expect_live 1 "$number"
done

# After the grace the others are collected, this one stays and says why.
shown() { serin status | grep -q "runs old code: pid $PROGRAM_PID (python3.*) in $oldest"; }
wait_until 300 shown
serin status --json | grep -q "\"pid\":$PROGRAM_PID" || fail "the process is not in the JSON"
collected() { [ "$(find "$FLEET/hosts/web-01/live.slots" -maxdepth 1 -name 'r*' | wc -l)" -le 3 ]; }
wait_until 300 collected
[ -d "$FLEET/hosts/web-01/live.slots/$oldest" ] || fail "the slot of a running process was removed"
before=$(wc -l <"$FLEET/seen")
more_seen() { [ "$(wc -l <"$FLEET/seen")" -gt $((before + 20)) ]; }
wait_until 300 more_seen
kill -0 "$PROGRAM_PID" || fail "the program has ended: $(cat "$FLEET/program.err")"
[ "$(sort -u "$FLEET/seen")" = 1 ] || fail "the program saw other versions: $(sort "$FLEET/seen" | uniq -c)"
expect_live 1 6
