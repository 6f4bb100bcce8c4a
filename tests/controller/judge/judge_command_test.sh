#!/bin/bash
# `serin judge` on recorded traces: judge_command_test.sh SERIN
set -u
serin=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# trace CANARY_ERRORS [AWK_CONDITION]: 3 canaries and 12 controls, one error every second before second 120; rows for
# which the condition holds are missing.
trace() {
  awk -v after="$1" "BEGIN {
    print \"#deploy=120\"; print \"second,host,role,errors,lines\"
    for (t = 0; t < 190; t++) for (h = 0; h < 15; h++) {
      canary = h < 3; errors = canary && t >= 120 ? after : 1
      if (${2:-0}) continue
      printf \"%d,web-%d,%s,%d,%d\\n\", t, h, canary ? \"canary\" : \"control\", errors, errors + 10
    } }"
}

# expect EXIT FIRST_LINE COMMAND…: the first line of what it prints on either stream.
expect() {
  local status=$1 first=$2 got=0
  shift 2
  "$@" >"$folder/out" 2>&1 || got=$?
  if ((got != status)) || [ "$(head -n 1 "$folder/out")" != "$first" ]; then
    echo "FAILED: $*: exit $got instead of $status, it said:" && cat "$folder/out"
    failures=$((failures + 1))
  fi
}

# says TEXT: the command before said it, in some line.
says() {
  grep -qF -- "$1" "$folder/out" && return
  echo "FAILED: no '$1' in:" && cat "$folder/out"
  failures=$((failures + 1))
}

trace 10 >"$folder/bad.csv"
trace 1 >"$folder/good.csv"
trace 1 't >= 120 && h == 1' >"$folder/mute.csv"

expect 0 "FAIL 5" "$serin" judge "$folder/bad.csv"
says "canaries 10 errors/s/host, the rest 1.0: 10 times (95 % between "
expect 0 "PASS 10" "$serin" judge "$folder/good.csv"
expect 0 "INCONCLUSIVE 60 no-report" "$serin" judge "$folder/mute.csv"
says "web-1 was heard in 0 of 57 s"
expect 0 "INCONCLUSIVE 30 no-report" "$serin" judge "$folder/mute.csv" --horizon 30s
expect 0 "FAIL 5" "$serin" judge - <"$folder/bad.csv"
expect 0 "PASS 20" "$serin" judge "$folder/bad.csv" --judge fixed
expect 0 "FAIL 10" "$serin" judge "$folder/bad.csv" --judge fixed --horizon 10 --set threshold=5
expect 0 "FAIL 9" "$serin" judge "$folder/bad.csv" --set settle=7 --set fail_odds=1000 --explain
says "   9 s canaries 60 errors, rest 24;"
says "2 of 2 s"
expect 0 "$("$serin" judge --json "$folder/bad.csv")" "$serin" judge "$folder/bad.csv" --json
says '{"answer":"fail",'
says '"seconds":5.0'

# A trace may bring the judge's numbers; what is typed goes before them, and the fixed judge has none of them.
{ echo '#set=settle=7' && echo '#set=fail_odds=1000' && cat "$folder/bad.csv"; } >"$folder/own.csv"
expect 0 "FAIL 9" "$serin" judge "$folder/own.csv"
expect 0 "FAIL 5" "$serin" judge "$folder/own.csv" --set settle=3 --set fail_odds=30
expect 0 "PASS 20" "$serin" judge "$folder/own.csv" --judge fixed
# Or names the judge itself, as what a server said does.
{ echo '#judge=fixed' && echo '#set=threshold=20' && cat "$folder/bad.csv"; } >"$folder/fixed.csv"
expect 0 "PASS 20" "$serin" judge "$folder/fixed.csv"
expect 0 "FAIL 20" "$serin" judge "$folder/fixed.csv" --set threshold=5
expect 0 "FAIL 5" "$serin" judge "$folder/fixed.csv" --judge sequential
{ echo '#judge=fixed' && echo '#step=10' && cat "$folder/bad.csv"; } >"$folder/steps.csv"
expect 1 "$("$serin" judge "$folder/steps.csv" --judge sequential 2>&1)" "$serin" judge "$folder/steps.csv" --judge sequential
says "the trace is in steps of 10 s"
{ echo '#set=colour=7' && cat "$folder/bad.csv"; } >"$folder/odd.csv"
expect 1 "$("$serin" judge "$folder/odd.csv" 2>&1)" "$serin" judge "$folder/odd.csv"
says "#set: 'colour' is no setting of this judge"

# Errors alone have an exit status of their own.
expect 1 "serin: open $folder/none.csv: No such file or directory" "$serin" judge "$folder/none.csv"
printf 'second,host,role,errors,lines\n0,web-1,canary,-1,2\n' >"$folder/wrong.csv"
expect 1 "serin: $folder/wrong.csv: line 2, column 16: '-1' is no count: write a whole number from 0 to 1000000000" \
  "$serin" judge "$folder/wrong.csv"
grep -v deploy "$folder/good.csv" >"$folder/ordinary.csv"
expect 1 "serin: $folder/ordinary.csv: the trace has no line #deploy=SECOND: there is nothing to judge" \
  "$serin" judge "$folder/ordinary.csv"
expect 1 "serin: standard input: line 1, column 1: the trace ends without its header second,host,role,errors,lines" \
  "$serin" judge - </dev/null
expect 1 "serin: --judge: 'magic' is no judge: write sequential or fixed" "$serin" judge "$folder/good.csv" --judge magic
expect 1 "serin: horizon: 'soon' is not possible: write a whole number of seconds from 1 to 86400" \
  "$serin" judge "$folder/good.csv" --horizon soon
expect 2 "TRACE is required" "$serin" judge
exit "$failures"
