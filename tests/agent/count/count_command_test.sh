#!/bin/bash
# `serin-agent count` on files, and beside grep: count_command_test.sh SERIN_AGENT
set -u
agent=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0
complain() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# expect EXIT STDOUT STDERR ARGUMENT…
expect() {
  local status=$1 out=$2 err=$3 got=0
  shift 3
  "$agent" count "$@" >out 2>err || got=$?
  if ((got != status)) || [ "$(cat out)" != "$out" ] || [ "$(cat err)" != "$err" ]; then
    complain "count $*: exit $got instead of $status, it said:"
    cat out err
  fi
}

# rules EXPRESSION: a file of one rule that counts as grep -c does.
rules() { printf "multiline = false\n[[rule]]\nname = \"it\"\nmatch = '%s'\n" "$1" >one.toml; }
errors() { sed -nE 's/.*"errors":([0-9]+).*/\1/p'; }

# Look-alikes of what many programs write, some with CR, bytes that are no text, and no newline at the end.
line=0
while ((line < 400)); do
  line=$((line + 1))
  case $((line % 8)) in
    0) printf '[Fri May 01 10:00:%02d 2026] [proxy:error] [pid %d] AH00957: attempt to connect failed\n' $((line % 60)) $line ;;
    1) printf '10.0.0.%d - - [01/May/2026:10:00:00 +0000] "GET /%d HTTP/1.1" %d 17 "-" "curl"\n' $line $line $((200 + line / 8 % 4 * 101)) ;;
    2) printf 'May  1 10:00:00 web%d sshd[%d]: Failed password for root from 10.0.0.1 port %d ssh2\r\n' $line $line $line ;;
    3) printf '2026-05-01 10:00:00,%03d INFO dfs.DataNode: Received block blk_%d of size 67108864\n' $line $line ;;
    4) printf '2026-05-01 10:00:00,%03d ERROR dfs.DataNode: IOException: block %d\n' $line $line ;;
    5) printf 'R02-M1-N0 RAS KERNEL FATAL data TLB error \377\376 %d\n\n' $line ;;
    6) printf '\tat org.example.Shop.main(Shop.java:%d) Error\n' $line ;;
    *) printf 'kernel: [12.%d] Out of memory: Killed process %d (php)\n' $line $line ;;
  esac
done >sample.log
printf 'the last line has an ERROR and no end' >>sample.log

for expression in 'ERROR' '(error|crit)\]' '" 50[0-9] ' 'Failed password|ERROR' '^[0-9]{4}-[0-9]+' 'FATAL.*TLB' \
  '[A-Z]+Exception: ' 'of memory' 'no such thing' 'Error$' '.' '^$' 'port 1[0-9]* ssh2' '(Received|Killed) (block|process)'; do
  rules "$expression"
  # grep does not strip a CR before the newline.
  truth=$(tr -d '\r' <sample.log | LC_ALL=C grep -a -c -E -- "$expression")
  counted=$("$agent" count --rules one.toml --json sample.log 2>/dev/null | errors)
  [ "$counted" = "$truth" ] || complain "'$expression': $counted instead of $truth"
  [ "$truth" != 0 ] || [ "$expression" = 'no such thing' ] || complain "'$expression' is in no line of the sample"
  # The same in whatever pieces it comes.
  for step in 1 7 4096 1000000; do
    counted=$(dd if=sample.log bs=$step status=none | "$agent" count --rules one.toml --json - 2>/dev/null | errors)
    [ "$counted" = "$truth" ] || complain "'$expression' in steps of $step: $counted instead of $truth"
  done
done

rules 'of memory'
printf 'x\nOut of memory\n' >small.log
expect 0 $'4 lines, 2 errors\n         2  it\nmessages:\n         2  it  Out of memory' "" --rules one.toml small.log small.log
printf 'name[3]: Out of memory 1\n' >one.log
[ "$("$agent" count --rules one.toml --json --top 0 one.log)" = \
  '{"lines":1,"requests":0,"errors":1,"long_lines":0,"unparsed":0,"rules":{"it":1},"messages":[]}' ] ||
  complain "JSON: $("$agent" count --rules one.toml --json --top 0 one.log)"

expect 1 "" "serin-agent count: none.log: No such file or directory" --rules one.toml none.log
expect 1 "" "serin-agent count: .: Is a directory" --rules one.toml .
expect 78 "" "serin-agent count: open none.toml: No such file or directory" --rules none.toml small.log
gzip -k small.log
expect 1 "" "serin-agent count: small.log.gz: it is packed by gzip: unpack it, and pipe it in with - as LOG" \
  --rules one.toml small.log.gz
expect 0 $'2 lines, 1 error\n         1  it\nmessages:\n         1  it  Out of memory' "" --rules one.toml - < <(gzip -dc small.log.gz)
# As after copytruncate under a writer that goes on at its own offset: the line behind the hole begins with its own bytes.
rules '^Out of memory$'
printf 'Out of memory\nOut of memory' >sparse.log
truncate -s 1G sparse.log
printf '\0\0\0Out of memory\nx\n' >>sparse.log
truncate -s +1M sparse.log
expect 0 $'4 lines, 3 errors\n         3  it\nmessages:\n         3  it  Out of memory' "" --rules one.toml sparse.log
rules '(a'
expect 78 "" "one.toml:4: rule.match: rule it: match = '(a': missing ): (a; see https://github.com/google/re2/wiki/Syntax" \
  --rules one.toml small.log
: >empty.toml
expect 78 "" "empty.toml:1: rule: is missing: no line would count as an error; add [[rule]] with name and match, or preset" \
  --rules empty.toml small.log
rules 'a.*z'
expect 0 $'2 lines, 0 errors\n         0  it' "serin-agent count: application log: rule it is slow: it names no three bytes \
that its lines must hold, so every line is matched (give some with must =)" --rules one.toml small.log

# Of agent.toml each log is counted as the source that it is a file of.
key=00$(printf '4%.0s' {1..62})
cat >agent.toml <<END
controller = "tcp://deploy1:4700"
controller_keys = ["$key"]
release_keys = ["$key"]
[application.shop]
live = "/srv/shop/live"
[[application.shop.source]]
path = "$folder/access*.log"
preset = "nginx-access"
[[application.shop.source]]
path = "$folder/error.log"
preset = "nginx"
END
echo '10.0.0.1 - - [01/May/2026:10:00:00 +0000] "GET / HTTP/1.1" 502 1 "-" "curl"' >access1.log
echo '2026/05/01 10:00:00 [crit] 7#7: x' >error.log
expect 0 $'1 line, 1 request, 2 errors\n         1  http-5xx\n         0  nginx-php\n         1  nginx-error' "" \
  --rules agent.toml --top 0 access1.log error.log
expect 78 "" "serin-agent count: small.log is a file of no source: say as which to count it with --source \
($folder/access*.log, $folder/error.log)" --rules agent.toml small.log
expect 0 $'2 lines, 0 errors\n         0  nginx-php\n         0  nginx-error' "" \
  --rules agent.toml --source "$folder/error.log" small.log
expect 78 "" "serin-agent count: agent.toml has no application blog (it has shop)" \
  --rules agent.toml --application blog small.log
"$agent" --config agent.toml --check >out 2>err || complain "--check: $(cat out err)"
[ ! -s err ] || complain "--check says $(cat err)"
printf "[[application.shop.rule]]\nname = \"any\"\nmatch = 'a.*z'\n" >>agent.toml
sed -i 's/"nginx"/"nginx"\nrules = ["any"]/' agent.toml
"$agent" --config agent.toml --check >out 2>err || complain "--check: $(cat out err)"
grep -q '^agent.toml: application shop: rule any is slow: ' err || complain "--check says nothing of a slow rule: $(cat err)"
exit "$failures"
