#!/usr/bin/env bash
# A controller that was taken over signs releases that no tree can be: every host refuses each by name, keeps what is live,
# writes nothing elsewhere, stays small and quick, and takes the next honest release. And what a source may not hold is
# refused where the release is built.
. "$(dirname "$0")/lib.sh"

fleet_init 2 1 0
echo one >"$FLEET/staging/index"
fleet_start
expect_exit 0 serin deploy --force --yes -m "first release"
expect_all_live 1

# ---- the publishing side ----
refused() { # TEXT: what is in staging now is refused with it
  expect_exit 5 serin deploy --force --yes -m refused
  expect_text "$1"
  expect_all_live 1
}
mkfifo "$FLEET/staging/pipe"
refused "pipe"
rm "$FLEET/staging/pipe"
ln -s ../../../etc "$FLEET/staging/escape"
refused "escape"
rm "$FLEET/staging/escape"
truncate -s 5G "$FLEET/staging/sparse"
refused "sparse"
rm "$FLEET/staging/sparse"
python3 - "$FLEET/staging" <<'PY'
import os, sys
os.mkdir(sys.argv[1] + "/many")
for i in range(100_001):
    os.mknod(f"{sys.argv[1]}/many/{i}")
PY
refused "many"
rm -r "$FLEET/staging/many"

# ---- the host ----
kinds=(up absolute link absolute-link device twice entries nested bomb bomb-entries)
kill "$FLEET_CONTROLLER_PID"
wait "$FLEET_CONTROLLER_PID" 2>/dev/null || true
# The record of r1's slot: "RELEASE ROOT".
read -r _ root <"$(echo "$(fleet_host_dir 1)"/live.slots/.serin/slots/r1-*)"
number=100
for kind in "${kinds[@]}"; do
  number=$((number + 1))
  python3 "$SERIN_SOURCE/tests/support/hostile_release.py" "$FLEET/state" shop $number "$kind" "$root"
done
fleet_start_controller
fleet_wait_connected 2
declare -A why=(
  [up]="'..' cannot be a name" [absolute]="'/etc/cron.d/evil' cannot be a name" [link]="leads out of the tree"
  [absolute-link]="do not fit the kind of link" [device]="an entry of an unknown kind" [twice]="entries out of order"
  [entries]="more than 1000000 entries" [nested]="more than 1000000 entries"
  [bomb]="does not have object" [bomb-entries]="does not have object"
)
number=100
for kind in "${kinds[@]}"; do
  number=$((number + 1))
  # With a bound on its seconds: a host that unpacks such a thing does not come back.
  expect_exit 3 timeout 30 "$SERIN_BIN/serin" --run-dir "$FLEET/run" rollback $number --force --yes
  expect_text "${why[$kind]}"
  expect_all_live 1
done
grep -q "the pack does not yield object eb0afd90509c: it is damaged" "$(fleet_host_dir 1)/agent.log" || fail "bomb: not told"
grep -q "the pack is damaged (compressed bytes: Destination" "$(fleet_host_dir 1)/agent.log" || fail "bomb-entries: not told"
for i in 1 2; do
  dir=$(fleet_host_dir "$i")
  kill -0 "${FLEET_AGENT_PIDS[i]}" || fail "web-0$i died"
  memory=$(awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/${FLEET_AGENT_PIDS[i]}/status")
  echo "web-0$i: at most $memory MiB"
  # 126 MiB in a release build, for the lists of a million entries; several times that under the sanitizers.
  ((memory < 1500)) || fail "web-0$i took $memory MiB"
  if find "$dir" -name evil -o -name 'bomb*' -o -name '0000*' | grep .; then fail "something of a hostile release is there"; fi
done
[ ! -e /etc/cron.d/evil ] || fail "written out of the tree"

# The agents are well.
echo two >"$FLEET/staging/index"
expect_exit 0 serin deploy --force --yes -m "honest again"
for i in 1 2; do diff -r "$FLEET/staging" "$(fleet_host_dir "$i")/live/" || fail "web-0$i has another tree"; done
