#!/usr/bin/env bash
# Every command in a ```sh block of the README is run: here against a fleet, or by the test that is named below. A command
# that neither knows fails this test.
. "$(dirname "$0")/lib.sh"

# Run elsewhere: the first words of a line, and by what.
elsewhere() {
  case $1 in
    'packaging/demo --servers'*) echo system.demo_with_servers ;;
    'packaging/demo'*) echo system.demo ;;
    'tests/run'*) echo "the run that this test is part of" ;;
    'packaging/build-packages'* | 'cmake '*) echo "packaging/demo and tests/run, which begin with it" ;;
    'build/release/bin/calibration'* | 'build/release/bin/judge_bench') echo "ctest -L bench in a release build" ;;
    'SERIN_BIN='*one_file_deploy.sh | 'SERIN_BIN='*follow_bench.sh | 'tests/bench/count_bench.sh'*)
      echo "tests/bench: run by hand for the numbers below it" ;;
    'systemd-sysusers'* | 'systemctl '* | 'install -D -m 644 /usr/share/doc/'*) echo "tests/system/units_in_container.sh" ;;
    *) return 1 ;;
  esac
}

commands() {
  awk '/^```sh$/ {inside = 1; next} /^```/ {inside = 0} inside' "$SERIN_SOURCE/README.md" | sed -E 's/ +# .*$//'
}

fleet_init 5 2 1
mkdir -p "$FLEET/staging/lib" "$FLEET/bin" "$FLEET/etc"
echo one >"$FLEET/staging/lib/prices.sh"
# The README's commands find their programs on the PATH and their configuration in /etc/serin.
for program in serin-controller serin-agent; do
  config=$FLEET/controller.toml
  [ $program = serin-controller ] || config=$(fleet_host_dir 1)/agent.toml
  printf '#!/bin/sh\nexec "%s/%s" --config "%s" "$@"\n' "$SERIN_BIN" "$program" "$config" >"$FLEET/bin/$program"
done
# shellcheck disable=SC2016 # for the script that it writes
printf '#!/bin/sh\nif [ "$1 $2" = "config check" ]; then exec "%s/serin" config check "%s"; fi\nexec "%s/serin" --run-dir "%s" "$@"\n' \
  "$SERIN_BIN" "$FLEET/controller.toml" "$SERIN_BIN" "$FLEET/run" >"$FLEET/bin/serin"
chmod +x "$FLEET"/bin/*
unset -f serin # the one on the PATH does the same, and what the README says of configuration
PATH=$FLEET/bin:$PATH

# web-01 calls without being admitted, as in the README; the others are in hosts.txt.
key=$("$SERIN_BIN/serin-agent" --config "$(fleet_host_dir 1)/agent.toml" --print-key)
sed -i '1d' "$FLEET/hosts.txt"
fleet_start_controller
for ((i = 1; i <= FLEET_HOSTS; i++)); do fleet_start_agent "$i"; done
pending() { serin hosts | grep -q "${key:0:16}"; }
wait_until 300 pending
run_applications

wanted_exit() {
  case $1 in
    'serin abort' | 'serin continue') echo 1 ;; # nothing is under way when the README's lines run one after the other
    *) echo 0 ;;
  esac
}

ran=0
cd "$FLEET/staging"
while IFS= read -r line; do
  [ -n "$line" ] || continue
  if by=$(elsewhere "$line"); then
    echo "not here: $line ($by)"
    continue
  fi
  case $line in serin*) ;; *) fail "no test runs this command of the README: $line" ;; esac
  command=${line//KEY/$key}
  command=${command//hosts.txt/$FLEET/hosts.txt}
  case $line in
    'serin deploy -m "first release"') fleet_wait_connected 5 ;;
    'serin deploy '* | 'serin sync-'*)
      echo "$ran" >"$FLEET/staging/lib/prices.sh"
      ;;
    'serin rollback') serin deploy --force --yes -m "something to go back from" >/dev/null || true ;;
  esac
  status=0
  OUTPUT=$(eval "$command" 2>&1 </dev/null) || status=$?
  wanted=$(wanted_exit "$line")
  ((status == wanted)) || fail "exit $status instead of $wanted: $line: $OUTPUT"
  echo "ran: $line"
  # What follows is judged against the seconds of this release.
  case $line in *'"first release"') wait_for_baseline ;; esac
  ran=$((ran + 1))
done < <(commands)
((ran >= 20)) || fail "only $ran commands were found in the README"
