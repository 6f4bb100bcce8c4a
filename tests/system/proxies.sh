#!/usr/bin/env bash
# Two zones with a proxy each. The controller sends what is new about once to each proxy, however many hosts there are; a
# proxy that stalls, dies or serves what is damaged is named and done without, and the fleet ends right each time.
. "$(dirname "$0")/lib.sh"

FLEET_CONTROLLER_LINES='judge = "fixed"
wait = "2s"
baseline_min = "2s"
step_deadline = "9s"'
fleet_init 12 1 2
# web-02 serves zone a (web-01 to web-07), web-03 serves zone b.
mapfile -t lines <"$FLEET/hosts.txt"
for i in "${!lines[@]}"; do
  zone="zone-a"
  ((i == 2 || i >= 7)) && zone="zone-b"
  printf '%s %s\n' "${lines[i]}" "$zone"
done >"$FLEET/hosts.txt"
proxy_port() { printf '%s' $((FLEET_PORT + 100 + $1)); }
for i in 2 3; do
  sed -i "1i proxy_port = $(proxy_port $i)\nproxy_listen = \"127.0.0.1\"" "$(fleet_host_dir $i)/agent.toml"
done
# Large enough that handshakes and orders do not count, and nothing that zstd could make smaller.
head -c 4000000 /dev/urandom >"$FLEET/staging/data"
echo one >"$FLEET/staging/index"
fleet_start

sent() { status_json | grep -o '"content_bytes_sent":[0-9]*' | cut -d: -f2; }
# sent_about BYTES: the controller has sent so much since the last call, give or take a tenth.
sent_about() {
  local now
  sleep 1 # the daemon looks twice a second
  now=$(sent)
  echo "  the controller sent $((now - SENT_BEFORE)) bytes"
  ((now - SENT_BEFORE > $1 * 9 / 10 && now - SENT_BEFORE < $1 * 11 / 10)) ||
    fail "the controller sent $((now - SENT_BEFORE)) bytes instead of about $1"
  SENT_BEFORE=$now
}
SENT_BEFORE=$(sent)
# One host does not answer: how the deployment ends is not what this test is about.
deploy_without() { OUTPUT=$(serin deploy --force --yes -m "$1" 2>&1) || true; }

echo "the operator sees who serves whom"
wait_until 50 bash -c "$(declare -f serin); $(declare -p SERIN_BIN FLEET); serin hosts | grep -q 'serves zone b'"
expect_exit 0 serin hosts
expect_text "proxy web-02 at tcp://127.0.0.1:$(proxy_port 2): serves zone a"
expect_text "proxy web-03 at tcp://127.0.0.1:$(proxy_port 3): serves zone b"
sleep 1.5 # hosts are told twice a second

echo "a first release of 4 MB goes once to each proxy, not to twelve hosts"
expect_exit 0 serin deploy -m "first release"
expect_all_live 1
sent_about 8000000

echo "so does the next one, which all of them ask for at once"
head -c 4000000 /dev/urandom >"$FLEET/staging/data"
expect_exit 0 serin deploy --force --yes -m "new data"
expect_all_live 2
sent_about 8000000

echo "a proxy that stalls is named, and its zone asks the other one"
head -c 1000000 /dev/urandom >"$FLEET/staging/data"
kill -STOP "${FLEET_AGENT_PIDS[2]}"
# It is still believed to be there: hosts find out by themselves.
deploy_without "with a stalled proxy"
kill -CONT "${FLEET_AGENT_PIDS[2]}"
expect_text "did without a proxy: proxy web-02 (tcp://127.0.0.1:$(proxy_port 2)) did not answer for 3 s"
for i in 1 3 4 5 6 7 8 9 10 11 12; do expect_live $i 3; done
grep -q "did without a proxy: proxy web-02" "$FLEET/log/controller.log" || fail "the log does not name the proxy"
wait_until 100 bash -c "[ \"\$(readlink '$(fleet_host_dir 2)/live' | grep -c r3)\" = 1 ]"

echo "a proxy that is killed is done without"
head -c 1000000 /dev/urandom >"$FLEET/staging/data"
kill -KILL "${FLEET_AGENT_PIDS[3]}"
deploy_without "with a dead proxy"
for i in 1 2 4 5 6 7 8 9 10 11 12; do expect_live $i 4; done
fleet_start_agent 3
wait_until 150 bash -c "[ \"\$(readlink '$(fleet_host_dir 3)/live' | grep -c r4)\" = 1 ]"

echo "a damaged byte in a proxy's store is laid to the proxy, and mended when it starts"
stop_agent() {
  kill "${FLEET_AGENT_PIDS[$1]}"
  wait "${FLEET_AGENT_PIDS[$1]}" || true
}
# shellcheck disable=SC2317
runs_r5() { [[ $(readlink "$(fleet_host_dir "$1")/live") == */r5-* ]]; }
stop_agent 4
stop_agent 5
head -c 1000000 /dev/urandom >"$FLEET/staging/data"
deploy_without "with two hosts away"
wait_until 100 runs_r5 7
# The newest pack in its store is the one that the two will ask for.
pack=$(find "$(fleet_host_dir 2)/state/proxy" -type f -size +500k -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
byte=$(od -An -tu1 -j 400000 -N 1 "$pack")
printf '%b' "\\x$(printf '%02x' $((byte ^ 1)))" | dd of="$pack" bs=1 seek=400000 conv=notrunc status=none
fleet_start_agent 4
wait_until 200 runs_r5 4
cmp "$FLEET/staging/data" "$(fleet_host_dir 4)/live/data" || fail "a damaged byte got live"
wait_until 20 grep -q "web-04 did without a proxy: proxy web-02 (tcp://127.0.0.1:$(proxy_port 2)) sent a pack that does not fit" \
  "$FLEET/log/controller.log"
stop_agent 2
fleet_start_agent 2
wait_until 100 bash -c "$(declare -f serin); $(declare -p SERIN_BIN FLEET); serin hosts | grep -q 'serves zone a'"
sleep 1.5
fleet_start_agent 5
wait_until 200 runs_r5 5
cmp "$FLEET/staging/data" "$(fleet_host_dir 5)/live/data" || fail "a damaged byte got live"
grep -q "web-05 did without .* does not fit" "$FLEET/log/controller.log" && fail "the damaged pack was served again"
exit 0
