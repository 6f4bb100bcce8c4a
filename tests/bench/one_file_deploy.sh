#!/usr/bin/env bash
# One changed file to 12 agents, trees of several sizes, forced: from the command to the last host, beside rsync as Scap
# runs it (every host pulls the whole tree). Then what an idle agent costs. Prints ratios; asserts nothing about time.
#
#   SERIN_BIN=build/release/bin SERIN_SOURCE=. tests/bench/one_file_deploy.sh [FILES…]      default: 1000 10000
set -euo pipefail
: "${SERIN_BIN:?folder with serin, serin-controller and serin-agent}"
: "${SERIN_SOURCE:?source folder}"
sizes=("$@")
((${#sizes[@]} > 0)) || sizes=(1000 10000)
HOSTS=12
ROUNDS=5

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
# CPU milliseconds that a process has used.
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{print int(($14 + $15) * 1000 / hz)}' "/proc/$1/stat"; }
finish() {
  fleet_stop
  rm -rf "$FLEET"
}

for files in "${sizes[@]}"; do
  FLEET=$(mktemp -d "${TMPDIR:-/tmp}/serin-bench.XXXXXX")
  # shellcheck source=packaging/fleet.sh
  . "$SERIN_SOURCE/packaging/fleet.sh"
  trap finish EXIT
  fleet_init $HOSTS 2 1
  for ((f = 0; f < files; f++)); do
    ((f % 100 != 0)) || mkdir -p "$FLEET/staging/d$((f / 100))"
    head -c 1000 /dev/urandom >"$FLEET/staging/d$((f / 100))/file-$f"
  done
  fleet_start
  began=$(now_ms)
  serin deploy --force -m "all of it" >/dev/null
  first=$(($(now_ms) - began))
  sleep 8 # the spare slots are made in the background after a switch

  with_path=() whole=() rsyncs=()
  cpu_before=$(cpu_ms "$FLEET_CONTROLLER_PID")
  for ((round = 0; round < ROUNDS; round++)); do
    echo "round $round" >"$FLEET/staging/d0/file-7"
    began=$(now_ms)
    serin deploy --force -m "one path" "$FLEET/staging/d0/file-7" >/dev/null
    with_path+=($(($(now_ms) - began)))
    sleep 2
  done
  cpu=$(($(cpu_ms "$FLEET_CONTROLLER_PID") - cpu_before))
  for ((round = 0; round < ROUNDS; round++)); do
    echo "again $round" >"$FLEET/staging/d0/file-8"
    began=$(now_ms)
    serin deploy --force -m "the whole tree is looked at" >/dev/null
    whole+=($(($(now_ms) - began)))
    sleep 2
  done

  # The peer: each host runs rsync over the whole tree, all at once, as Scap's hosts do (here without ssh).
  for ((i = 1; i <= HOSTS; i++)); do rsync -a "$FLEET/staging/" "$FLEET/rsync-$i/"; done
  for ((round = 0; round < ROUNDS; round++)); do
    echo "rsync $round" >"$FLEET/staging/d0/file-9"
    began=$(now_ms)
    pids=()
    for ((i = 1; i <= HOSTS; i++)); do
      rsync -a --delete-delay --delay-updates "$FLEET/staging/" "$FLEET/rsync-$i/" &
      pids+=($!)
    done
    wait "${pids[@]}"
    rsyncs+=($(($(now_ms) - began)))
  done

  path_ms=$(median "${with_path[@]}") whole_ms=$(median "${whole[@]}") rsync_ms=$(median "${rsyncs[@]}")
  echo "$files files, $HOSTS hosts, one file changed (median of $ROUNDS, from the command to the last host):"
  echo "  first deploy of all          $first ms"
  echo "  serin deploy --force PATH    $path_ms ms (controller: $((cpu / ROUNDS)) ms of CPU a deploy, heartbeats included)"
  echo "  serin deploy --force         $whole_ms ms"
  echo "  rsync -a, $HOSTS at once         $rsync_ms ms"
  awk -v r="$rsync_ms" -v p="$path_ms" -v w="$whole_ms" \
    'BEGIN {printf "  ratio rsync : serin          %.1f with PATH, %.1f without\n", r / p, r / w}'

  # Idle: thirty seconds without a deployment.
  pid=${FLEET_AGENT_PIDS[5]}
  before=$(cpu_ms "$pid")
  sleep 30
  used=$(($(cpu_ms "$pid") - before))
  awk -v cpu="$used" '/^VmRSS|^RssAnon/ {rss[$1] = $2} END {
    printf "  idle agent                   RssAnon %.1f MB, RSS %.1f MB, %.2f %% of a core\n",
      rss["RssAnon:"] / 1000, rss["VmRSS:"] / 1000, cpu / 300}' "/proc/$pid/status"
  finish
  trap - EXIT
done
