#!/usr/bin/env bash
# `deploy --force` of one tree to twelve agents and back, with the controller and agents killed (-9) at random moments:
# every live tree is whole at every look of a reader that loops over all of them, and all hosts end on the release that was
# asked for.
. "$(dirname "$0")/lib.sh"

READER_PID=
stop_reader() { [ -z "$READER_PID" ] || kill "$READER_PID" 2>/dev/null; }
at_end stop_reader

SEED=${SERIN_SEED:-$RANDOM}
echo "seed $SEED (SERIN_SEED=$SEED repeats it)"
RANDOM=$SEED
mkdir -p "$FLEET"
fleet_init 12 3 2
tree_of() { # MARK: two hundred files that all say MARK, and 9 MB to pull
  mkdir -p "$FLEET/staging/d"
  for ((f = 0; f < 200; f++)); do echo "$1" >"$FLEET/staging/d/file-$f"; done
  { echo "$1" && head -c 9000000 /dev/urandom; } >"$FLEET/staging/large"
}
tree_of one
fleet_start
expect_exit 0 serin deploy --force -m "first release"
expect_all_live 1
python3 "$SERIN_SOURCE/tests/support/reader_and_writer.py" whole "$FLEET"/hosts/*/live >"$FLEET/read" &
READER_PID=$!

whole() { # HOST: all files of the tree that is live now say the same (the link may be switched while they are read)
  local tree
  tree=$(readlink -e "$(fleet_host_dir "$1")/live") || fail "$(fleet_host_name "$1"): nothing is live"
  [ "$(cat "$tree"/d/file-* | sort -u | wc -l)" = 1 ] || fail "$(fleet_host_name "$1"): a mixed tree is live: $tree"
}
settled() { # RELEASE
  local i
  for ((i = 1; i <= FLEET_HOSTS; i++)); do [ "$(fleet_live "$i")" = "$1" ] || return 1; done
}

# The trees differ in all files; a release has the number that it was built with.
release=1
for ((round = 1; round <= 6; round++)); do
  tree_of "round $round"
  before=$release
  serin deploy --force --detach --yes -m "round $round" >/dev/null 2>&1 || true
  for ((shot = 0; shot < 4; shot++)); do
    read -r -t "0.0$((RANDOM % 10))" <> <(:) || true
    host=$((1 + RANDOM % 12))
    kill -9 "${FLEET_AGENT_PIDS[host]}" 2>/dev/null || true
    wait "${FLEET_AGENT_PIDS[host]}" 2>/dev/null || true
    for ((i = 1; i <= FLEET_HOSTS; i++)); do whole "$i"; done
    fleet_start_agent "$host"
  done
  if ((round % 2 == 0)); then
    kill -9 "$FLEET_CONTROLLER_PID"
    wait "$FLEET_CONTROLLER_PID" 2>/dev/null || true
    fleet_start_controller
  fi
  # Until it is over: those that were away catch up by themselves.
  wait_until 900 nothing_runs
  release=$(status_json | jq .wanted.release)
  wait_until 900 settled "$release"
  if ((release == before)); then
    # The controller was killed before it had taken the deploy in: nothing has changed, which is whole, too.
    echo "round $round: the deploy did not get in"
  fi
  for ((i = 1; i <= FLEET_HOSTS; i++)); do whole "$i"; done
done
((release > 1)) || fail "no deploy got in"
fleet_wait_connected 12
expect_exit 0 serin rollback --yes
wait_until 900 nothing_runs
for ((i = 1; i <= FLEET_HOSTS; i++)); do whole "$i"; done
kill "$READER_PID"
wait "$READER_PID" || fail "a reader saw what no release is: $(head -3 "$FLEET/read")"
READER_PID=
echo "$(tail -n 1 "$FLEET/read") looks at live trees"
