#!/usr/bin/env bash
# What staging ahead is for, and what it costs. First: a fleet of real agents on this machine that has staged a release while
# the canaries soaked: from the passing verdict to the last host live (the time of the rename of its live link), with
# max_in_flight = "100%" and no hooks. Then: a control that stages 100 MB while an application on the same processor works:
# the work that it gets done, with prefetch = "staged" and "off". Prints numbers and settings; asserts nothing.
#
#   SERIN_BIN=build/release/bin SERIN_SOURCE=. tests/bench/verdict_to_live.sh [HOSTS]        default 200; as root
set -euo pipefail
: "${SERIN_BIN:?folder with serin, serin-controller and serin-agent}"
: "${SERIN_SOURCE:?source folder}"
HOSTS=${1:-200}
ROUNDS=${BENCH_ROUNDS:-3}
FILES=${BENCH_FILES:-1000}
if [ -z "${BENCH_INSIDE:-}" ]; then
  exec env BENCH_INSIDE=1 unshare --net --mount -- "$0" "$@"
fi
ip link set lo up
# Of its own: there each hard link is an inode.
mount -t tmpfs -o size=80%,nr_inodes=50m tmpfs "${BENCH_TMP:-/dev/shm}"
FLEET=$(mktemp -d "${BENCH_TMP:-/dev/shm}/serin-bench.XXXXXX")
# shellcheck source=packaging/fleet.sh
. "$SERIN_SOURCE/packaging/fleet.sh"
writer=
worker=
finish() {
  fleet_stop
  for pid in $writer $worker; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$FLEET"
}
trap finish EXIT

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
make_tree() { # FILES of 4 kB
  python3 - "$FLEET/staging" "$1" <<'PY'
import os, sys
for number in range(int(sys.argv[2])):
    folder = f"{sys.argv[1]}/d{number // 100}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/f{number}", "wb") as file:
        file.write(os.urandom(4096))
PY
}
# Two lines a second on every host, as an idle application logs.
write_logs() {
  python3 - "$FLEET"/hosts/*/app.log <<'PY' &
import sys, time
logs = [open(path, "a", buffering=1) for path in sys.argv[1:]]
while True:
    for log in logs:
        log.write("GET / 200\nGET /cart 200\n")
    time.sleep(1)
PY
  writer=$!
}
# Lines with the second at which they came.
stamped() { while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done; }

judge='judge = "fixed"
wait = "8s"
baseline_min = "5s"
max_in_flight = "100%"
prefetch = "staged"'
FLEET_CONTROLLER_LINES=$judge
init() { # HOSTS CANARIES: without a stage of proxies
  fleet_init "$1" "$2" 0
  sed -i '/^proxies = /d' "$FLEET/controller.toml"
}
init "$HOSTS" 4
make_tree "$FILES"
fleet_start
write_logs
serin deploy --force -m first >/dev/null
echo "$HOSTS agents, 4 of them canaries; $FILES files of 4 kB, 50 change; $(nproc) processors; durability as shipped"
echo "settings: ${judge//$'\n'/, }"
sleep 20 # a baseline; spare slots
times=() cpus=()
for ((round = 1; round <= ROUNDS; round++)); do
  for ((i = 0; i < 50; i++)); do echo "round $round" >>"$FLEET/staging/d$((i % 10))/f$(((i % 10) * 100 + i))"; done
  before=$(awk '{print $14 + $15}' "/proc/$FLEET_CONTROLLER_PID/stat")
  serin deploy -m "round $round" | stamped >"$FLEET/out" || true
  after=$(awk '{print $14 + $15}' "/proc/$FLEET_CONTROLLER_PID/stat")
  python3 - "$FLEET" "$FLEET/out" <<'PY' | tee "$FLEET/measured"
import glob, os, sys
fleet, out = sys.argv[1:]
passed = [line for line in open(out) if "pass" in line]
if not passed:
    sys.exit("no passing verdict:\n" + open(out).read()[-2000:])
verdict = float(passed[0].split()[0])
links = sorted(os.lstat(path).st_ctime for path in glob.glob(fleet + "/hosts/*/live"))
live = [at - verdict for at in links if at > verdict - 0.5]
print(f"{len(live)} hosts live {live[0] * 1000:.0f} to {live[-1] * 1000:.0f} ms after the verdict, half of them after {live[len(live) // 2] * 1000:.0f} ms")
PY
  times+=("$(sed -E 's/.* to ([0-9]+) ms.*/\1/' "$FLEET/measured")")
  cpus+=($(((after - before) * 1000 / $(getconf CLK_TCK))))
  sleep 12
done
echo "median: the last host live $(median "${times[@]}") ms after the verdict; $(median "${cpus[@]}") ms of the controller's CPU for the whole deployment"
fleet_stop
kill "$writer"
writer=
rm -rf "$FLEET/hosts" "$FLEET/state" "$FLEET/run" "$FLEET/hosts.txt" "$FLEET"/staging/*

# ---- what a control's application notices ----
work() { # SECONDS: rounds of a fixed piece of work on the processor of the control's agent
  taskset -c 0 python3 - "$1" <<'PY'
import hashlib, sys, time
end = time.monotonic() + float(sys.argv[1])
rounds, piece = 0, bytes(65536)
while time.monotonic() < end:
    hashlib.sha256(piece).digest()
    rounds += 1
print(rounds)
PY
}
FLEET_CONTROLLER_LINES='judge = "fixed"
wait = "20s"
baseline_min = "5s"
prefetch = "staged"'
init 2 1
make_tree 100
fleet_start
taskset -cpa 0 "${FLEET_AGENT_PIDS[2]}" >/dev/null
for pid in "$FLEET_CONTROLLER_PID" "${FLEET_AGENT_PIDS[1]}"; do taskset -cpa 1 "$pid" >/dev/null; done
write_logs
serin deploy --force -m first >/dev/null
sleep 12
cpu_of() { awk -v hz="$(getconf CLK_TCK)" '{print int(($14 + $15) * 1000 / hz)}' "/proc/${FLEET_AGENT_PIDS[2]}/stat"; }
quiet=() staging=() agent=()
for ((round = 1; round <= ROUNDS; round++)); do
  quiet+=("$(work 5)")
  for ((i = 0; i < 100; i++)); do head -c 1000000 /dev/urandom >"$FLEET/staging/large-$i"; done
  serin deploy --detach -m "round $round" >/dev/null
  until serin status | grep -q "canaries soak"; do sleep 0.1; done
  before=$(cpu_of)
  staging+=("$(work 5)")
  agent+=($(($(cpu_of) - before)))
  until serin status --json | grep -q '"deployment":null'; do sleep 0.5; done
  sleep 3
done
echo "a control that stages 100 MB at prefetch_rate (20 MB/s): pieces of work that its application gets done in 5 s"
echo "  quiet $(median "${quiet[@]}"), while it stages $(median "${staging[@]}"); the agent's CPU meanwhile $(median "${agent[@]}") ms of 5000"
