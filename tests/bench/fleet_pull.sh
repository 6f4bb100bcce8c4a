#!/usr/bin/env bash
# A fleet that pulls a large real tree, beside rsync with the flags that Scap gives it (every host pulls from one rsync
# daemon) and beside git (fetch and checkout, 10 hosts): first deploy, no change, one file, 50 files, and ten large files of
# which 1 % of the records changed. Time from the command to the last host, processor time, bytes on the wire, all of it
# counted: handshakes, orders, reports. In a network namespace of its own, on a tmpfs of its own: there each hard link is an
# inode, and 50 hosts with five trees each have 3 million, the default bound. Prints ratios; asserts nothing.
#
#   SERIN_BIN=build/release/bin SERIN_SOURCE=. tests/bench/fleet_pull.sh [HOSTS]        default 50; as root
#
# BENCH_WARM=1 leaves out what takes long: rsync's first run, git and the large files. BENCH_ROUNDS: 3.
# The tree is Debian's mediawiki without its bundled extensions (10,681 files), which apt-get fetches, or $BENCH_TREE.
set -euo pipefail
: "${SERIN_BIN:?folder with serin, serin-controller and serin-agent}"
: "${SERIN_SOURCE:?source folder}"
HOSTS=${1:-50}
GIT_HOSTS=10
ROUNDS=${BENCH_ROUNDS:-3}

if [ -z "${BENCH_INSIDE:-}" ]; then
  exec env BENCH_INSIDE=1 unshare --net --mount -- "$0" "$@"
fi
ip link set lo up
mount -t tmpfs -o size=80%,nr_inodes=50m tmpfs "${BENCH_TMP:-/dev/shm}"
FLEET=$(mktemp -d "${BENCH_TMP:-/dev/shm}/serin-bench.XXXXXX")
# shellcheck source=packaging/fleet.sh
. "$SERIN_SOURCE/packaging/fleet.sh"
daemon=
finish() {
  fleet_stop
  if [ -n "$daemon" ]; then kill "$daemon" 2>/dev/null || true; fi
  if [ -n "${git_daemon:-}" ]; then kill "$git_daemon" 2>/dev/null || true; fi
  rm -rf "$FLEET"
}
trap finish EXIT

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
wire() { awk '$1 == "lo:" {print $2}' /proc/net/dev; }
HZ=$(getconf CLK_TCK)
# CPU milliseconds of these processes and the children that they have waited for.
cpu_ms() {
  local pid sum=0
  for pid in "$@"; do
    sum=$((sum + $(awk -v hz="$HZ" '{print int(($14 + $15 + $16 + $17) * 1000 / hz)}' "/proc/$pid/stat")))
  done
  echo $sum
}
# Says so when not every host has it; what was measured is worth nothing then.
deploy() {
  local code=0
  serin deploy "$@" >"$FLEET/deploy.out" || code=$?
  if ((code != 0)); then
    echo "serin deploy $* ended with $code:" >&2
    tail -n 5 "$FLEET/deploy.out" >&2
  fi
}
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

# measure NAME SERVER_PIDS CLIENT_PIDS COMMAND…: runs it ROUNDS times, after `prepare` each time; leaves medians in
# wall[NAME] server[NAME] clients[NAME] bytes[NAME].
declare -A wall server clients bytes
measure() {
  local name=$1 server_pids=$2 client_pids=$3 round
  shift 3
  local walls=() servers=() others=() wires=()
  for ((round = 0; round < rounds; round++)); do
    prepare $round
    [ -z "${FLEET_CONTROLLER_PID:-}" ] || fleet_wait_connected "$FLEET_HOSTS"
    local s c b t
    # shellcheck disable=SC2086 # lists of pids
    s=$(cpu_ms $server_pids) c=$(cpu_ms $client_pids) b=$(wire) t=$(now_ms)
    "$@"
    walls+=($(($(now_ms) - t)))
    wires+=($(($(wire) - b)))
    # shellcheck disable=SC2086
    servers+=($(($(cpu_ms $server_pids) - s))) others+=($(($(cpu_ms $client_pids) - c)))
    ${after:-true}
  done
  wall[$name]=$(median "${walls[@]}") server[$name]=$(median "${servers[@]}") clients[$name]=$(median "${others[@]}")
  bytes[$name]=$(median "${wires[@]}")
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.1f", a / (b > 0 ? b : 1)}'; }
row() {
  printf '%-34s %9s ms %9s ms %9s ms %12s bytes\n' "$1" "${wall[$2]}" "${server[$2]}" "${clients[$2]}" "${bytes[$2]}"
}
compare() {
  printf '%-34s %9s    %9s    %9s    %12s\n' "  ratio rsync : serin" "$(ratio "${wall[rsync-$1]}" "${wall[serin-$1]}")" \
    "$(ratio "${server[rsync-$1]}" "${server[serin-$1]}")" "$(ratio "${clients[rsync-$1]}" "${clients[serin-$1]}")" \
    "$(ratio "${bytes[rsync-$1]}" "${bytes[serin-$1]}")"
}

# ---- the tree ----
if [ -z "${BENCH_TREE:-}" ]; then
  package=${BENCH_PACKAGE:-/var/tmp/serin-bench-mediawiki}
  if [ ! -d "$package/usr" ]; then
    echo "cannot fetch packages from inside the namespace: run this first:" >&2
    echo "  mkdir -p $package && cd $package && apt-get download mediawiki && dpkg -x mediawiki_*.deb ." >&2
    exit 2
  fi
  BENCH_TREE=$package/usr/share/mediawiki
fi
mkdir -p "$FLEET/staging"
cp -a "$BENCH_TREE/." "$FLEET/staging/"
rm -rf "$FLEET/staging/extensions-core"
# What Serin refuses: links out of the tree (into /etc and /var).
find "$FLEET/staging" -type l -lname '/*' -delete
find "$FLEET/staging" -xtype l -delete
mapfile -t php < <(cd "$FLEET/staging" && find includes -name '*.php' -type f | sort)
files=$(find "$FLEET/staging" -type f | wc -l)
size=$(find "$FLEET/staging" -type f -printf '%s\n' | awk '{s += $1} END {print int(s / 1000000)}')
echo "$files files, $size MB; $HOSTS hosts; median of $ROUNDS; $(nproc) processors; durability as shipped; max_in_flight = 100%"

FLEET_CONTROLLER_LINES='max_in_flight = "100%"'
fleet_init "$HOSTS" 2 0
fleet_start
AGENTS="${FLEET_AGENT_PIDS[*]}"

# ---- rsync ----
cat >"$FLEET/rsyncd.conf" <<EOF
use chroot = no
max connections = 0
uid = $(id -u)
gid = $(id -g)
log file = /dev/null
[tree]
path = $FLEET/staging
[data]
path = $FLEET/data
EOF
mkdir -p "$FLEET/data" "$FLEET/rsync"
rsync --daemon --no-detach --address=127.0.0.1 --port=8730 --config="$FLEET/rsyncd.conf" &
daemon=$!
sleep 1
# Scap's DEFAULT_RSYNC_ARGS.
rsync_all() {
  local module=$1 hosts=$2 i pids=()
  for ((i = 1; i <= hosts; i++)); do
    mkdir -p "$FLEET/rsync/$module-$i"
    rsync --archive --delete-delay --delay-updates --compress --new-compress --delete --exclude='*.swp' --no-perms \
      --exclude='**/.git' "rsync://127.0.0.1:8730/$module/" "$FLEET/rsync/$module-$i/" &
    pids+=($!)
  done
  wait "${pids[@]}"
}
spares() { sleep $((4 + FLEET_HOSTS / 8)); } # spare slots are made in the background after a switch
touch_one() { echo "// round $1 $RANDOM" >>"$FLEET/staging/${php[7]}"; }
touch_fifty() {
  local i
  for ((i = 0; i < 50; i++)); do echo "// round $1 $RANDOM" >>"$FLEET/staging/${php[i * 20]}"; done
}
nothing() { :; }

printf '%-34s %12s %12s %12s %18s\n' "" "to last host" "server CPU" "hosts' CPU" "on the wire"
rounds=1
prepare() { nothing; }
measure serin-cold "$FLEET_CONTROLLER_PID" "$AGENTS" deploy --force -m cold
if [ -z "${BENCH_WARM:-}" ]; then
  measure rsync-cold "$daemon" $$ rsync_all tree "$HOSTS"
else
  # The trees that its first run would make.
  for ((i = 1; i <= HOSTS; i++)); do cp -a "$FLEET/staging" "$FLEET/rsync/tree-$i"; done
fi
row "first deploy, serin" serin-cold
if [ -z "${BENCH_WARM:-}" ]; then
  row "first deploy, rsync" rsync-cold
  compare cold
fi
diff -r "$FLEET/staging" "$FLEET/hosts/web-01/live" >/dev/null || { echo "web-01 has another tree" >&2; exit 1; }
sleep 10 # spare slots

rounds=$ROUNDS
measure serin-none "$FLEET_CONTROLLER_PID" "$AGENTS" deploy -m none
measure rsync-none "$daemon" $$ rsync_all tree "$HOSTS"
row "no change, serin" serin-none
row "no change, rsync" rsync-none
compare none

after=spares
prepare() { touch_one "$1"; }
measure serin-one "$FLEET_CONTROLLER_PID" "$AGENTS" deploy --force -m one "$FLEET/staging/${php[7]}"
measure serin-whole "$FLEET_CONTROLLER_PID" "$AGENTS" deploy --force -m whole
after=
measure rsync-one "$daemon" $$ rsync_all tree "$HOSTS"
row "one file, serin PATH" serin-one
row "one file, serin (whole source)" serin-whole
row "one file, rsync" rsync-one
compare one

deploy --force -m "catch up"
spares
after=spares
prepare() { touch_fifty "$1"; }
measure serin-fifty "$FLEET_CONTROLLER_PID" "$AGENTS" deploy --force -m fifty
after=
measure rsync-fifty "$daemon" $$ rsync_all tree "$HOSTS"
row "50 files, serin" serin-fifty
row "50 files, rsync" rsync-fifty
compare fifty
for pid in $AGENTS; do awk '/^VmHWM/ {print $2}' "/proc/$pid/status"; done | sort -n | tail -1 |
  awk '{printf "most memory of an agent until here   VmHWM %.1f MB\n", $1 / 1000}'
fleet_stop
[ -z "${BENCH_WARM:-}" ] || exit 0
rm -rf "$FLEET/hosts" "$FLEET/state" "$FLEET/run" "$FLEET/hosts.txt" "$FLEET/rsync"

# ---- git, 10 hosts ----
mkdir -p "$FLEET/git"
git -C "$FLEET/staging" init -q
git -C "$FLEET/staging" config user.email bench@localhost
git -C "$FLEET/staging" config user.name bench
git -C "$FLEET/staging" config gc.auto 0
commit_all() {
  git -C "$FLEET/staging" add -A
  git -C "$FLEET/staging" commit -qm "$1"
}
commit_all first
git daemon --export-all --reuseaddr --listen=127.0.0.1 --port=8731 --base-path="$FLEET" "$FLEET" &
git_daemon=$!
sleep 1
for ((i = 1; i <= GIT_HOSTS; i++)); do git clone -q "git://127.0.0.1:8731/staging" "$FLEET/git/$i"; done
git_all() {
  local i pids=()
  for ((i = 1; i <= GIT_HOSTS; i++)); do
    (git -C "$FLEET/git/$i" fetch -q origin && git -C "$FLEET/git/$i" checkout -qf FETCH_HEAD) &
    pids+=($!)
  done
  wait "${pids[@]}"
}
prepare() {
  touch_one "$1"
  commit_all "round $1"
}
measure git-one "$git_daemon" $$ git_all
kill "$git_daemon"
rm -rf "$FLEET/git" "$FLEET/staging/.git"
FLEET_CONTROLLER_LINES='max_in_flight = "100%"'
fleet_init $GIT_HOSTS 2 0
fleet_start
AGENTS="${FLEET_AGENT_PIDS[*]}"
deploy --force -m first
sleep 5
after=spares
prepare() { touch_one "$1"; }
measure serin-git "$FLEET_CONTROLLER_PID" "$AGENTS" deploy --force -m one "$FLEET/staging/${php[7]}"
after=
row "one file, $GIT_HOSTS hosts, serin PATH" serin-git
row "one file, $GIT_HOSTS hosts, git" git-one
echo "  ratio git : serin                  $(ratio "${wall[git-one]}" "${wall[serin-git]}")"
fleet_stop
rm -rf "$FLEET/hosts" "$FLEET/state" "$FLEET/run" "$FLEET/hosts.txt" "$FLEET/staging"/*

# ---- ten large files, 1 % of the records changed, scattered; 10 hosts ----
records() { # SEED FILE…: 20 MB each, 200,000 records of 100 bytes
  python3 - "$@" <<'PY'
import random, sys
seed, files = int(sys.argv[1]), sys.argv[2:]
for number, path in enumerate(files):
    words = random.Random(number)
    change = random.Random(seed * 1000 + number)
    with open(path, "w") as out:
        for i in range(200_000):
            body = "%030x" % words.getrandbits(120) + " message text of record"
            if seed and change.random() < 0.01:
                body = "%030x" % change.getrandbits(120) + " another text of record"
            out.write(f"{i:09d} {body:<88}\n")
PY
}
mkdir -p "$FLEET/staging" "$FLEET/rsync"
data=()
for ((i = 0; i < 10; i++)); do data+=("$FLEET/staging/data-$i"); done
records 0 "${data[@]}"
fleet_init $GIT_HOSTS 2 0
fleet_start
AGENTS="${FLEET_AGENT_PIDS[*]}"
deploy --force -m first
rsync_all tree $GIT_HOSTS
sleep 3
rounds=1
prepare() { records 1 "${data[@]}"; }
measure serin-large "$FLEET_CONTROLLER_PID" "$AGENTS" deploy --force -m large
prepare() { nothing; }
measure rsync-large "$daemon" $$ rsync_all tree $GIT_HOSTS
row "10 x 20 MB, 1 %, 10 hosts, serin" serin-large
row "10 x 20 MB, 1 %, 10 hosts, rsync" rsync-large
compare large
for pid in $AGENTS; do awk '/^VmHWM|^RssAnon/ {print $1, $2}' "/proc/$pid/status"; done | sort -k2 -n | tail -1 |
  awk '{printf "most memory of an agent            VmHWM %.1f MB\n", $2 / 1000}'
