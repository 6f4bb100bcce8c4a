#!/usr/bin/env bash
# An application that ran before Serin: its folder is taken over, given back after a bad first release, taken over again,
# and deployed to, while readers and writers of uploads never see an absent moment and lose nothing.
. "$(dirname "$0")/lib.sh"

WATCHERS=()
stop_watchers() {
  for pid in "${WATCHERS[@]}"; do kill "$pid" 2>/dev/null; done
}
at_end stop_watchers

mkdir -p "$FLEET"
FLEET_AGENT_LINES='keep = ["uploads/", "config/local.php"]
slots = 2
idle_grace = "1s"'
fleet_init 3 1 1
echo one >"$FLEET/staging/index"
mkdir "$FLEET/staging/config"
echo "app" >"$FLEET/staging/config/app.php"
for host in web-01 web-02 web-03; do
  live="$FLEET/hosts/$host/live"
  mkdir -p "$live/uploads" "$live/config"
  echo before >"$live/index"
  echo secret >"$live/config/local.php"
  echo cat >"$live/uploads/cat.jpg"
done
echo mine >"$FLEET/hosts/web-03/live/notes"

rw() { exec python3 "$SERIN_SOURCE/tests/support/reader_and_writer.py" "$@"; }
# watch HOST: a reader and a writer.
watch() {
  local live="$FLEET/hosts/$1/live"
  rw read "$live" index config/local.php uploads/cat.jpg >"$FLEET/$1.read" &
  WATCHERS+=("$!")
  rw write "$live" uploads >"$FLEET/$1.write" &
  WATCHERS+=("$!")
}
watch web-01
watch web-02

fleet_start
run_applications
expect_exit 0 serin status
expect_text "runs the folder from before Serin"
wait_for_baseline

# A bad first release: judged against the folders, and taken back to them.
touch "$FLEET/staging/broken"
expect_exit 3 serin deploy --yes -m "bad first release"
expect_text "web-01 is back on the adopted folder"
rm "$FLEET/staging/broken"
is_real() { [ -d "$1" ] && [ ! -L "$1" ]; }
is_real "$FLEET/hosts/web-01/live" || fail "web-01 has not got its folder back"
[ "$(cat "$FLEET/hosts/web-01/live/index")" = before ] || fail "web-01 shows another index"
[ -L "$FLEET/hosts/web-01/live/uploads" ] || fail "uploads of web-01 are not kept"
[ ! -L "$FLEET/hosts/web-02/live/uploads" ] || fail "web-02 was touched"

# A good one. web-03 has a file that nobody keeps: nothing is changed there, and the file is named.
expect_exit 6 serin deploy --force --yes -m "first release"
expect_text "not-adoptable"
expect_text "notes"
expect_live 1 2
expect_live 2 2
[ "$(cat "$FLEET/hosts/web-03/live/index")" = before ] || fail "web-03 was touched"
is_real "$FLEET/hosts/web-03/live/uploads" || fail "uploads of web-03 moved"

# It may be set aside: after that the host catches up.
kill "${FLEET_AGENT_PIDS[3]}"
wait "${FLEET_AGENT_PIDS[3]}" 2>/dev/null || true
sed -i 's|^slots = 2|slots = 2\nadopt = "set-aside"|' "$FLEET/hosts/web-03/agent.toml"
fleet_start_agent 3
wait_until 300 sh -c "readlink '$FLEET/hosts/web-03/live' | grep -q r2-"
[ "$(cat "$FLEET/hosts/web-03/live.adopted/notes")" = mine ] || fail "the notes of web-03 are gone"
[ "$(cat "$FLEET/hosts/web-03/live/uploads/cat.jpg")" = cat ] || fail "the uploads of web-03 are gone"

# Quick deploys, a rollback, and slots that are collected.
for number in 3 4 5 6 7; do
  echo "index $number" >"$FLEET/staging/index"
  expect_exit 0 serin deploy --force --yes -m "r$number"
  expect_all_live "$number"
done
expect_exit 0 serin rollback 6 --yes
two_slots() { [ "$(find "$FLEET/hosts/web-01/live.slots" -maxdepth 1 -name 'r*' | wc -l)" -le 2 ]; }
wait_until 300 two_slots

# A release with a kept path goes nowhere.
mkdir "$FLEET/staging/uploads"
touch "$FLEET/staging/uploads/.gitkeep"
expect_exit 3 serin deploy --force --yes -m "with uploads"
expect_text "the release has uploads, which this host keeps"
expect_all_live 6
rm -r "$FLEET/staging/uploads"

stop_watchers
for i in "${!WATCHERS[@]}"; do wait "${WATCHERS[$i]}" || fail "a reader or writer saw an absent moment: $(cat "$FLEET"/web-*.read "$FLEET"/web-*.write)"; done
for host in web-01 web-02; do
  written=$(tail -n 1 "$FLEET/$host.write")
  ((written > 100)) || fail "only $written uploads on $host"
  (rw check "$FLEET/hosts/$host/live.kept/shop/uploads" "$written") >/dev/null || fail "uploads of $host were lost"
  [ "$(cat "$FLEET/hosts/$host/live.adopted/index")" = before ] || fail "the adopted folder of $host is gone"
  [ -e "$FLEET/hosts/$host/live.adopted/uploads/0" ] || fail "uploads are not to be seen in the adopted folder of $host"
  echo "$host: $written uploads, $(tail -n 1 "$FLEET/$host.read") looks"
done
