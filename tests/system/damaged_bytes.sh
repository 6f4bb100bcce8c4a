#!/usr/bin/env bash
# A controller that is killed (-9) in the middle of a transfer: hosts go on where they were, and little is sent twice. Then
# one wrong byte in a pack on the shelf, in an object of the store and in an idle slot of a host: each is found and named, and
# the fleet ends right.
if [ -z "${SERIN_OWN_NETWORK:-}" ]; then
  # Whatever crosses the wire is counted in a network of its own.
  export SERIN_OWN_NETWORK=1
  if [ "$(id -u)" = 0 ]; then exec unshare --net -- bash "$0" "$@"; fi
  exec unshare --user --map-root-user --net -- bash "$0" "$@"
fi
ip link set lo up
. "$(dirname "$0")/lib.sh"

SHOOTER_PID=
stop_shooter() { [ -z "$SHOOTER_PID" ] || kill "$SHOOTER_PID" 2>/dev/null; }
at_end stop_shooter
wire() { awk '$1 == "lo:" {print $2}' /proc/net/dev; }
same() { # HOST: it shows what is in staging
  diff -r "$FLEET/staging" "$(fleet_host_dir "$1")/live/" || fail "$(fleet_host_name "$1") has another tree"
}
flip() { # FILE OFFSET: one bit, whatever the mode of the file; size and mtime stay
  python3 - "$1" "$2" <<'PY'
import os, sys
path, at = sys.argv[1], int(sys.argv[2])
about = os.stat(path)
os.chmod(path, 0o644)
with open(path, "r+b") as file:
    file.seek(at)
    byte = file.read(1)[0]
    file.seek(at)
    file.write(bytes([byte ^ 4]))
os.chmod(path, about.st_mode & 0o777)
os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
PY
}

fleet_init 3 1 0
mkdir "$FLEET/staging/many"
for ((i = 0; i < 20; i++)); do head -c 1000000 /dev/urandom >"$FLEET/staging/many/$i"; done
head -c 60000000 /dev/urandom >"$FLEET/staging/large"
fleet_start

# ---- killed in the middle of a transfer: 80 MB that cannot be compressed, for each of three hosts ----
cat >"$FLEET/shoot.py" <<'EOS'
import glob
import os
import sys

pid, folder = int(sys.argv[1]), sys.argv[2]
size = 0
while size < 48_000_000:
    size = 0
    for path in glob.glob(folder + "/live.slots/.serin/incoming/*"):
        try:
            size += os.path.getsize(path)
        except OSError:
            pass
os.kill(pid, 9)
print(size, flush=True)
EOS
python3 "$FLEET/shoot.py" "$FLEET_CONTROLLER_PID" "$(fleet_host_dir 1)" >"$FLEET/shot" &
SHOOTER_PID=$!
before=$(wire)
serin deploy --force --yes --detach -m "first release" >/dev/null
wait "$SHOOTER_PID"
SHOOTER_PID=
wait "$FLEET_CONTROLLER_PID" 2>/dev/null || true
expect_all_live 0
fleet_start_controller
wait_until 600 nothing_runs
expect_all_live 1
for i in 1 2 3; do same "$i"; done
sent=$(($(wire) - before))
echo "killed after $(cat "$FLEET/shot") bytes of the first host; $sent bytes for 3 x 80000000"
((sent > 240000000)) || fail "the wire was not counted"
((sent < 300000000)) || fail "much was sent twice"

# ---- a pack on the shelf: a host that was reinstalled gets it ----
fleet_wait_connected 3
away() { # HOST
  kill "${FLEET_AGENT_PIDS[$1]}"
  wait "${FLEET_AGENT_PIDS[$1]}" 2>/dev/null || true
}
reinstall() { # HOST
  local dir
  away "$1"
  dir=$(fleet_host_dir "$1")
  rm -r "$dir/live" "$dir/live.slots" "$dir/state/journal"
  fleet_start_agent "$1"
}
lives_on() { [ "$(fleet_live "$1")" = "$2" ]; }
pack=$(find "$FLEET/state/packs" -type f)
flip "$pack" $(($(stat -c %s "$pack") / 2))
reinstall 3
wait_until 600 lives_on 3 1
same 3
grep -q "the pack does not yield object $(sha256sum "$FLEET/staging/large" | cut -c 1-12)" "$(fleet_host_dir 3)/agent.log" ||
  fail "web-03 does not say that the pack is damaged"

# ---- an object of the store: no pack is made of it, and the host says which it is ----
id=$(sha256sum "$FLEET/staging/many/7")
object="$FLEET/state/objects/${id:0:2}/${id:2:62}"
flip "$object" 500000
kill "$FLEET_CONTROLLER_PID" # which holds the pack open
wait "$FLEET_CONTROLLER_PID" 2>/dev/null || true
rm "$pack"
fleet_start_controller
reinstall 3
says() { grep -q "$1" "$2"; }
wait_until 300 says "object ${id:0:12} is damaged.*$object" "$FLEET/log/controller.log"
wait_until 300 says "object ${id:0:12}: its bytes are not what its name says" "$(fleet_host_dir 3)/agent.log"
expect_exit 0 serin status
expect_text "catching up failed"
touch "$FLEET/staging/many/7"
expect_exit 0 serin deploy --force --yes -m "the same again"
cmp "$object" "$FLEET/staging/many/7" || fail "the object is still damaged"
wait_until 300 lives_on 3 1
same 3

# ---- a slot of a host: going back to it ----
echo two >"$FLEET/staging/version"
head -c 400000 /dev/urandom >"$FLEET/staging/many/3"
expect_exit 0 serin deploy --force --yes -m two
expect_all_live 2
slot=$(echo "$(fleet_host_dir 2)"/live.slots/r1-*)
flip "$slot/many/3" 1000
expect_exit 0 serin rollback r1 --force --yes
expect_all_live 1
expect_exit 8 serin verify
expect_text "web-02: r1: 1 path differs: 1 changed"
expect_text "changed  many/3"
expect_text "2 of 3 hosts clean"
expect_exit 0 serin verify --repair
expect_exit 0 serin verify
expect_text "3 of 3 hosts clean"
echo "damaged_bytes: passed"
