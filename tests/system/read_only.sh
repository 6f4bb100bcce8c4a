#!/usr/bin/env bash
# The controller's disk is full: heartbeats are answered, deploys are refused with the reason, and it goes on by itself
# when there is space again. A database that is damaged, foreign, newer or locked is refused at the start, by name.
. "$(dirname "$0")/lib.sh"

fleet_init 4 1 1
echo one >"$FLEET/staging/index"
# A disk of its own for the state, small enough to be filled.
if ! mount -t tmpfs -o size=48m,mode=0700 serin-test "$FLEET/state"; then
  fail "this test mounts a small disk and must be run as root (or in a container that may)"
fi
unmount() {
  cp -r "$FLEET/state/." "$FLEET/state-copy" 2>/dev/null
  umount "$FLEET/state"
}
at_end unmount
# The keys that fleet_init had made went under the mount; the agents learn the new ones.
FLEET_KEYS=$("$SERIN_BIN/serin-controller" --config "$FLEET/controller.toml" --print-keys)
rm "$FLEET/hosts.txt"
for ((i = 1; i <= FLEET_HOSTS; i++)); do fleet_init_host "$i"; done
fleet_start
run_applications
expect_exit 0 serin deploy -m "first release"
expect_all_live 1

# Nearly full: said before anything is lost.
head -c 40M /dev/zero >"$FLEET/state/filler"
echo two >"$FLEET/staging/index"
wait_until 100 sh -c "'$SERIN_BIN/serin' --run-dir '$FLEET/run' status | grep -q 'DISK NEARLY FULL'"
expect_exit 5 serin deploy -m "on a nearly full disk"
expect_text "disk space"
expect_text "$FLEET/state"

# Full: a command that must be recorded waits and says so; hosts stay connected and are counted.
head -c 64M /dev/zero >"$FLEET/state/filler-2" 2>/dev/null || true
serin rollback r1 --yes -m "recorded first" >"$FLEET/waiting.out" 2>&1 &
waiting=$!
wait_until 100 grep -q "the disk is full" "$FLEET/waiting.out"
expect_exit 5 serin abort
expect_text "cannot store anything"
sleep 8
fleet_wait_connected 4
expect_all_live 1

# Space again: what waited is carried out, and deploys are taken.
rm "$FLEET/state/filler-2"
rm "$FLEET/state/filler"
wait "$waiting" || fail "what waited for the disk failed: $(cat "$FLEET/waiting.out")"
wait_until 300 sh -c "'$SERIN_BIN/serin' --run-dir '$FLEET/run' deploy --force --yes -m 'space again'"
for ((i = 1; i <= FLEET_HOSTS; i++)); do [ "$(cat "$(fleet_host_dir "$i")/live/index")" = two ] || fail "$i lacks it"; done

# At the start.
kill -TERM "$FLEET_CONTROLLER_PID"
wait "$FLEET_CONTROLLER_PID" || true
database=$FLEET/state/serin.db
cp "$database" "$FLEET/good.db"
controller() { timeout 60 "$SERIN_BIN/serin-controller" --config "$FLEET/controller.toml"; }
refused() { # TEXT: the daemon does not start and says this, and the file's name
  expect_exit 1 controller
  expect_text "$database"
  expect_text "$1"
}
rm -f "$database"-*
head -c 8192 /dev/urandom | dd of="$database" conv=notrunc bs=1 seek=0 status=none
refused "restore a backup"
cp "$FLEET/good.db" "$database"
sqlite3 "$database" "PRAGMA user_version=999"
refused "newer Serin"
cp "$FLEET/good.db" "$database"
sqlite3 "$database" "PRAGMA application_id=7"
refused "another program's database"
cp "$FLEET/good.db" "$database"
fleet_start_controller
expect_exit 0 serin history
expect_text "first release"
