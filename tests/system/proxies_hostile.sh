#!/usr/bin/env bash
# Proxies that lie, and good ones that are harmed: cut off in the middle of a transfer, without room, their port taken, their
# cache damaged while they run, asked by a host that was revoked meanwhile. Hosts name them, do without them, and end right.
# With "busy": a proxy that is busy for ever; hosts bear with that for a minute, so that it is a test of its own.
# shellcheck disable=SC2317 # functions that wait_until and at_end call
SCENARIO=${1:-all}
if [ -z "${SERIN_OWN_NETWORK:-}" ]; then
  # A network that can be cut, and a disk that can be filled.
  export SERIN_OWN_NETWORK=1
  own=(unshare --net --mount)
  [ "$(id -u)" = 0 ] || own=(unshare --user --map-root-user --net --mount)
  for tool in unshare nsenter ip; do
    command -v "$tool" >/dev/null || { echo "SKIPPED: this machine has no $tool (util-linux, iproute2)" >&2; exit 77; }
  done
  "${own[@]}" -- bash -c 'ip link set lo up && ip link add v0 type veth peer name v1' ||
    { echo "SKIPPED: this machine makes no namespaces with a network and mounts of their own (unshare, veth)" >&2; exit 77; }
  exec "${own[@]}" -- bash "$0" "$@"
fi
ip link set lo up
. "$(dirname "$0")/lib.sh"

FLEET_CONTROLLER_LINES='judge = "fixed"
wait = "2s"
baseline_min = "2s"
prefetch = "off"
step_deadline = "9s"'
FALSE_PIDS=()
FAR_PID=
leave() {
  local pid
  for pid in "${FALSE_PIDS[@]}" $FAR_PID; do kill "$pid" 2>/dev/null; done
  umount -l "$CACHE" 2>/dev/null
}
at_end leave

# web-02 is in another network: a proxy that can be cut off.
FAR=2
unshare --net sleep 1000 &
FAR_PID=$!
in_far() { nsenter --net="/proc/$FAR_PID/ns/net" "$@"; }
is_apart() { [ "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$FAR_PID/ns/net")" ]; }
wait_until 50 is_apart
ip link add to-far type veth peer name far0
ip link set far0 netns "$FAR_PID"
ip address add 10.9.0.1/24 dev to-far
ip link set to-far up
in_far ip address add 10.9.0.2/24 dev far0
in_far ip link set far0 up
in_far ip link set lo up
# Frames go to a card that nobody has: nothing arrives, and nobody is told.
cut_off() {
  ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:98 dev to-far nud permanent
  in_far ip neigh replace 10.9.0.1 lladdr 02:00:00:00:00:99 dev far0 nud permanent
}
mend() {
  ip neigh del 10.9.0.2 dev to-far
  in_far ip neigh del 10.9.0.1 dev far0
}
fleet_start_agent() {
  local dir in=()
  dir=$(fleet_host_dir "$1")
  if (($1 == FAR)); then in=(nsenter --net="/proc/$FAR_PID/ns/net"); fi
  "${in[@]}" "$SERIN_BIN/serin-agent" --config "$dir/agent.toml" >>"$dir/agent.log" 2>&1 &
  FLEET_AGENT_PIDS[$1]=$!
}
stop_agent() {
  kill "${FLEET_AGENT_PIDS[$1]}"
  wait "${FLEET_AGENT_PIDS[$1]}" || true
}

# web-03 to web-07 lie: their agents serve at another address than they tell, and a liar with their key at the told one.
LIES=(packs objects sizes lengths huge)
[ "$SCENARIO" = all ] || LIES=("$SCENARIO")
LAST_LIAR=$((2 + ${#LIES[@]}))
HOST=$((LAST_LIAR + 1)) # of zone a, as the canary; the next two are of zone b, as the good proxy
NEAR=$((HOST + 1)) REVOKED=$((HOST + 2))
fleet_init $REVOKED 1 $((1 + ${#LIES[@]}))
mapfile -t lines <"$FLEET/hosts.txt"
for i in "${!lines[@]}"; do
  zone="zone-a"
  ((i + 1 == FAR || i + 1 >= NEAR)) && zone="zone-b"
  printf '%s %s\n' "${lines[i]}" "$zone"
done >"$FLEET/hosts.txt"
sed -i 's/^listen = .*/listen = "*"/' "$FLEET/controller.toml"
proxy_port() { printf '%s' $((FLEET_PORT + 100 + $1)); }
configure() { sed -i "1i $2" "$(fleet_host_dir "$1")/agent.toml"; }
for ((i = FAR; i <= LAST_LIAR; i++)); do configure $i "proxy_port = $(proxy_port $i)"; done
for ((i = FAR + 1; i <= LAST_LIAR; i++)); do configure $i 'proxy_listen = "127.0.0.2"\nproxy_address = "127.0.0.1"'; done
configure $FAR 'proxy_rate = "2MB"\nscrub_rate = "100MB"\nscrub_every = "1s"'
sed -i 's|^controller = "tcp://127.0.0.1|controller = "tcp://10.9.0.1|' "$(fleet_host_dir $FAR)/agent.toml"
configure $HOST "proxy_port = $FLEET_PORT" # the controller's own
CACHE="$(fleet_host_dir $FAR)/state/proxy"
mkdir -p "$CACHE"
mount -t tmpfs -o size=330m,mode=0700 serin-test "$CACHE"
lie() { # HOST HOW
  "$SERIN_BIN/false_proxy" "$(fleet_host_dir "$1")/state/keys/agent" "$FLEET/hosts.txt" "127.0.0.1:$(proxy_port "$1")" "$2" \
    >"$FLEET/log/$2.log" 2>&1 &
  FALSE_PIDS+=($!)
  wait_until 100 grep -q listens "$FLEET/log/$2.log"
}
for i in "${!LIES[@]}"; do lie $((FAR + 1 + i)) "${LIES[i]}"; done

same() { # HOST: it shows what is in staging
  diff -r "$FLEET/staging" "$(fleet_host_dir "$1")/live/" || fail "$(fleet_host_name "$1") has another tree"
}
all_same() {
  local i
  for ((i = 1; i < REVOKED; i++)); do same "$i"; done
}
serves() { serin hosts | grep -q "proxy $(fleet_host_name "$1") .*serves zone"; }
serves_none() { ! serin hosts | grep -q '127.0.0.1.*serves zone'; }
# The controller tells each text once, whichever host says it first.
names() { # HOST PROXY TEXT: the host did without that proxy, and why
  wait_until 50 grep -q "proxy $(fleet_host_name "$2") ([^)]*) .*$3" "$(fleet_host_dir "$1")/agent.log"
  wait_until 50 grep -q "did without a proxy: .*proxy $(fleet_host_name "$2") ([^)]*) .*$3" "$FLEET/log/controller.log"
}
runs() { [ "$(fleet_live "$1")" = "$2" ]; }

for ((i = 0; i < 20; i++)); do head -c 100000 /dev/urandom >"$FLEET/staging/$i"; done
mkdir "$FLEET/staging/folder"
echo one >"$FLEET/staging/folder/index"
fleet_start
for ((i = FAR; i <= LAST_LIAR; i++)); do wait_until 50 serves $i; done
sleep 1.5 # hosts are told twice a second

if [ "$SCENARIO" = busy ]; then
  echo "a proxy that is busy for ever is borne with for a minute"
  serin deploy --force -m "first release" >/dev/null 2>&1 || true
  wait_until 900 runs $HOST 1
  names $HOST 3 "sent nothing new for 60 s"
  wait_until 100 runs 1 1
  same $HOST
  same 1
  exit 0
fi

echo "a host whose port for serving is taken says so, and deploys all the same"
grep -q "this host is no proxy until it is started again: bind" "$(fleet_host_dir $HOST)/agent.log" ||
  fail "the log does not say that the port is taken"

echo "proxies that serve garbage, wrong sizes and wrong lengths are named and done without"
expect_exit 0 serin deploy -m "first release"
expect_all_live 1
all_same
for ((i = FAR + 1; i <= LAST_LIAR; i++)); do names $HOST $i ""; done
grep -q "without a proxy: .*proxy $(fleet_host_name $FAR) " "$FLEET/log/controller.log" && fail "the good proxy was named"

echo "who is no proxy any more keeps nothing for others"
for ((i = FAR + 1; i <= LAST_LIAR; i++)); do
  [ -n "$(ls "$(fleet_host_dir $i)/state/proxy")" ] || fail "web-0$i kept nothing while it was a proxy"
  stop_agent $i
  grep -q "stopping: what is live" "$(fleet_host_dir $i)/agent.log" || fail "web-0$i was killed instead of ended"
  sed -i '/^proxy_/d' "$(fleet_host_dir $i)/agent.toml"
  fleet_start_agent $i
done
for pid in "${FALSE_PIDS[@]}"; do kill "$pid"; done
fleet_wait_connected $REVOKED
for ((i = FAR + 1; i <= LAST_LIAR; i++)); do
  wait_until 50 test ! -e "$(fleet_host_dir $i)/state/proxy"
done
wait_until 50 serves_none
sleep 1.5

echo "a host that is revoked while it pulls through a proxy gets nothing more"
for ((i = 0; i < 20; i++)); do head -c 1000000 /dev/urandom >"$FLEET/staging/$i"; done
serin deploy --force --yes -m "twenty files" >"$FLEET/log/deploy.log" 2>&1 &
deploy=$!
came() { find "$(fleet_host_dir "$1")/live.slots/.serin/incoming" -type f -size +900k | wc -l; }
has_come() { (($(came "$1") >= $2)); }
wait_until 150 has_come $REVOKED 2
expect_exit 0 serin hosts revoke "$(fleet_host_name $REVOKED)"
sleep 1 # what it had asked for before
before=$(came $REVOKED) near=$(came $NEAR)
wait_until 150 has_come $NEAR $((near + 3))
[ "$(came $REVOKED)" = "$before" ] || fail "$before files had come to the revoked host, then $(came $REVOKED)"

echo "a proxy that is cut off in the middle is named, and hosts go on elsewhere with what is left"
(($(came $NEAR) < 20)) || fail "nothing was left to come"
cut_off
wait_until 250 runs $NEAR 2
names $NEAR $FAR "did not answer for 3 s"
wait "$deploy" || true
for ((i = 1; i < REVOKED; i++)); do ((i == FAR)) || same $i; done
runs $REVOKED 2 && fail "the revoked host got the release"
grep -q "does not know this host's key" "$(fleet_host_dir $REVOKED)/agent.log" || fail "the revoked host is not told why"
mend
wait_until 300 runs $FAR 2
wait_until 100 serves $FAR
sleep 1.5

echo "a proxy whose disk is full keeps nothing, says so, and is done without"
fallocate -l 290M "$CACHE/filler"
head -c 1000000 /dev/urandom >"$FLEET/staging/0"
expect_exit 0 serin deploy --force --yes -m "no room"
all_same
names $NEAR $FAR "does not have"
grep -q "proxy: the disk has no room" "$(fleet_host_dir $FAR)/agent.log" || fail "the proxy does not say that there is no room"
[ "$(find "$CACHE" -type f | wc -l)" = 1 ] || fail "the proxy keeps something all the same"
rm "$CACHE/filler"

echo "what a disk damages while a proxy runs is found by scrubbing, and fetched anew"
stop_agent $NEAR
head -c 1000000 /dev/urandom >"$FLEET/staging/0"
serin deploy --force --yes -m "damaged" >/dev/null 2>&1 || true
same $HOST
pack=$(find "$CACHE" -type f -size +500k -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
byte=$(od -An -tu1 -j 400000 -N 1 "$pack")
printf '%b' "\\x$(printf '%02x' $((byte ^ 1)))" | dd of="$pack" bs=1 seek=400000 conv=notrunc status=none
wait_until 100 grep -q "1 files of the cache were damaged" "$(fleet_host_dir $FAR)/agent.log"
[ ! -e "$pack" ] || fail "the damaged pack is still there"
named=$(grep -c "did without a proxy" "$FLEET/log/controller.log")
fleet_start_agent $NEAR
wait_until 200 runs $NEAR 4
same $NEAR
[ -e "$pack" ] || fail "the pack was not fetched through the proxy"
[ "$named" = "$(grep -c "did without a proxy" "$FLEET/log/controller.log")" ] || fail "the damaged pack was served"

echo "with prefetch off nothing of a release is at a proxy before its verdict"
head -c 1000000 /dev/urandom >"$FLEET/staging/0"
before=$(ls "$CACHE")
serin deploy --yes -m "looked at first" >"$FLEET/log/deploy.log" 2>&1 || true
phase_is held || fail "it is not held: $(cat "$FLEET/log/deploy.log")" # nothing is trusted after so many forced ones
expect_live 1 5
[ "$(ls "$CACHE")" = "$before" ] || fail "the proxy keeps what the canary pulled"
expect_exit 0 serin continue
wait_until 150 nothing_runs
all_same
[ "$(ls "$CACHE")" != "$before" ] || fail "nothing went through the proxy"
exit 0
