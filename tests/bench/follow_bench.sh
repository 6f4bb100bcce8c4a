#!/usr/bin/env bash
# What counting costs beside the application: an agent without a controller follows a log that gets 10,000 lines/s, one
# write each, beside Debian's mtail on the same file with the same ten rules; then a line of 100 MB and a hole of 1 GB;
# a burst of 200,000 lines/s for 5 s; 40 MB at once; 100 and 1,000 idle files. Prints what each used (CPU time, on which
# other work on the machine has little effect) and the ratio; asserts nothing about time. What each counted stands beside
# what was written.
#
#   SERIN_BIN=build/release/bin tests/bench/follow_bench.sh [SECONDS]      default: 20
set -euo pipefail
: "${SERIN_BIN:?folder with serin-agent}"
seconds=${1:-20}
work=$(mktemp -d "${TMPDIR:-/tmp}/serin-follow.XXXXXX")
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$work"
}
trap finish EXIT

# CPU of all its threads in microseconds: /proc/PID/stat knows 1/100 s only.
cpu_us() { cat /proc/"$1"/task/*/schedstat | awk '{sum += $1} END {printf "%d", sum / 1000}'; }
percent() { awk -v us="$1" -v s="$2" 'BEGIN {printf "%.3f", us / 1e4 / s}'; }
anon_mb() { awk '/^RssAnon/ {printf "%.1f", $2 / 1000}' "/proc/$1/status"; }

cat >"$work/rules" <<'EOF'
php_fatal	PHP (?:Fatal|Parse|Recoverable fatal) error
web_error	\[(?:error|crit|alert|emerg)\]
level	\b(?:ERROR|FATAL)\b
exception	\w+(?:Exception|Error): 
ssh	Failed password for|authentication failure
kernel	segfault at|kernel panic|I/O error
python	^Traceback \(most recent call last\):
http5xx	" 5\d\d 
ras	RAS \w+ FATAL
oom	Out of memory: Kill
EOF
make_agent() {
  local dir=$1
  shift
  mkdir -p "$dir"
  {
    key=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
    printf 'state_dir = "%s/state"\ncontroller = "tcp://127.0.0.1:9"\ncontroller_keys = ["%s"]\nrelease_keys = ["%s"]\n' \
      "$dir" "$key" "$key"
    printf '[application.shop]\nlive = "%s/live"\n' "$dir"
    for source in "$@"; do printf '[[application.shop.source]]\npath = "%s"\n' "$source"; done
    while IFS=$'\t' read -r name match; do
      printf "[[application.shop.rule]]\nname = \"%s\"\nmatch = '%s'\n" "$name" "$match"
    done <"$work/rules"
  } >"$dir/agent.toml"
  "$SERIN_BIN/serin-agent" --config "$dir/agent.toml" >"$dir/agent.log" 2>&1 &
  AGENT_PID=$!
  pids+=("$AGENT_PID")
  sleep 2
  kill -0 "$AGENT_PID" || { cat "$dir/agent.log" && exit 1; }
}

# What its record says of all lines and errors, or of what is named.
agent_counts() { python3 "$(dirname "$0")/../support/recorded_totals.py" "$1/state" "${@:2}"; }

# --- 10,000 lines/s
log=$work/app.log
: >"$log"
make_agent "$work/busy" "$log"
agent=$AGENT_PID
awk -F'\t' 'BEGIN {print "counter lines\ncounter errors\n/$/ {\n  lines++\n}"} {gsub("/", "\\/", $2); print "/" $2 "/ {\n  errors++\n}"}' \
  "$work/rules" >"$work/rules.mtail"
mtail -progs "$work/rules.mtail" -logs "$log" -port 39030 -address 127.0.0.1 -log_dir "$work" >"$work/mtail.out" 2>&1 &
mtail=$!
pids+=("$mtail")
sleep 3
agent_before=$(cpu_us "$agent") mtail_before=$(cpu_us "$mtail")
truth=$(python3 - "$log" "$seconds" <<'EOF'
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
seconds, errors, lines = int(sys.argv[2]), 0, 0
start = time.monotonic()
while lines < seconds * 10_000:
    for _ in range(100):
        error = lines % 200 == 7
        errors += error
        text = "PHP Fatal error:  Uncaught TypeError: cannot work" if error else 'GET /w/index.php?title=Main_Page&action=view HTTP/1.1" 200 5123 "-" "Mozilla/5.0 (X11; Linux x86_64)'
        os.write(fd, f"2026-11-26 12:34:56.{lines % 1000:03} host{lines % 7} app[{lines}]: {text}\n".encode())
        lines += 1
    ahead = lines / 10_000 - (time.monotonic() - start)
    if ahead > 0:
        time.sleep(ahead)
print(lines, errors, time.monotonic() - start)
EOF
)
read -r lines errors took <<<"$truth"
sleep 1.5
agent_used=$(($(cpu_us "$agent") - agent_before)) mtail_used=$(($(cpu_us "$mtail") - mtail_before))
mtail_says=$(python3 -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:39030/metrics").read().decode())' |
  awk '/^lines\{/ {l = $2} /^errors\{/ {e = $2} END {print l, e}')
echo "$lines lines in ${took%.*} s, one write each, $errors of them errors, ten rules:"
echo "  serin-agent   $(percent "$agent_used" "$took") % of a core, RssAnon $(anon_mb "$agent") MB, counted $(agent_counts "$work/busy")"
echo "  mtail         $(percent "$mtail_used" "$took") % of a core, RssAnon $(anon_mb "$mtail") MB, counted $mtail_says (an error once for each rule that fits)"
awk -v a="$agent_used" -v m="$mtail_used" 'BEGIN {printf "  ratio mtail : serin   %.0f\n", m / (a > 0 ? a : 1)}'
kill "$mtail"

# --- a long line and a hole, on top
python3 - "$log" <<'EOF'
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
os.write(fd, b"ERROR ")
for _ in range(25):
    os.write(fd, b"x" * 4_000_000)
    time.sleep(0.1)
os.write(fd, b"\n")
EOF
truncate -s +1G "$log"
echo 'ERROR after the hole' >>"$log"
sleep 4
echo "after a line of 100 MB and a hole of 1 GB, two lines and errors more:"
echo "  serin-agent   RssAnon $(anon_mb "$agent") MB, counted $(agent_counts "$work/busy")"
kill "$agent"

# --- 200,000 lines/s, in writes of 64 KiB as a log with a buffer has them
log=$work/burst.log
: >"$log"
make_agent "$work/burst" "$log"
agent=$AGENT_PID
before=$(cpu_us "$agent")
truth=$(python3 - "$log" "$agent" <<'EOF'
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
seconds, rate, errors, lines, peak, data = 5, 200_000, 0, 0, 0, bytearray()
start = time.monotonic()
while lines < seconds * rate:
    for _ in range(rate // 100):
        error = lines % 200 == 7
        errors += error
        text = "PHP Fatal error:  Uncaught TypeError: cannot work" if error else 'GET /w/index.php?title=Main_Page HTTP/1.1" 200'
        data += f"2026-11-26 12:34:56.{lines % 1000:03} host{lines % 7} app[{lines}]: {text}\n".encode()
        lines += 1
        if len(data) >= 65536:
            os.write(fd, data)
            data.clear()
    with open(f"/proc/{sys.argv[2]}/status") as status:
        peak = max(peak, int(status.read().split("RssAnon:")[1].split()[0]))
    ahead = lines / rate - (time.monotonic() - start)
    if ahead > 0:
        time.sleep(ahead)
os.write(fd, data)
print(lines, errors, f"{time.monotonic() - start:.1f}", f"{peak / 1000:.1f}")
EOF
)
read -r lines errors took peak <<<"$truth"
sleep 3
used=$(($(cpu_us "$agent") - before))
echo "$lines lines in $took s, $errors of them errors:"
echo "  serin-agent   $(percent "$used" "$took") % of a core, RssAnon at most $peak MB, counted $(agent_counts "$work/burst"), late $(agent_counts "$work/burst" late_lines), skipped $(agent_counts "$work/burst" skipped_bytes) bytes"
kill "$agent"

# --- a backlog: 40 MB at once, more than is read late; what was skipped is said
make_agent "$work/behind" "$log.2"
agent=$AGENT_PID
before=$(cpu_us "$agent")
head -c 40000000 "$log" >"$work/part"
cat "$work/part" >"$log.2"
echo "ERROR behind all of it" >>"$log.2"
sleep 4
used=$(($(cpu_us "$agent") - before))
echo "40 MB at once, $(wc -l <"$log.2") lines:"
echo "  serin-agent   $((used / 1000)) ms of CPU, RssAnon $(anon_mb "$agent") MB, counted $(agent_counts "$work/behind") and skipped $(agent_counts "$work/behind" skipped_bytes) bytes"
kill "$agent"

# --- idle files
for files in 100 1000; do
  # At most 256 files fit one pattern.
  sources=()
  for ((i = 0; i < files; ++i)); do
    folder=$work/idle$files/$((i / 200))
    if ((i % 200 == 0)); then
      mkdir -p "$folder"
      sources+=("$folder/*.log")
    fi
    echo "an old line" >"$folder/$i.log"
  done
  make_agent "$work/quiet$files" "${sources[@]}"
  agent=$AGENT_PID
  sleep 12 # a file that was opened just now may be one that is being written
  before=$(cpu_us "$agent")
  sleep "$((2 * seconds))"
  used=$(($(cpu_us "$agent") - before))
  echo "$files idle files for $((2 * seconds)) s:"
  echo "  serin-agent   $(percent "$used" "$((2 * seconds))") % of a core, RssAnon $(anon_mb "$agent") MB"
  kill "$agent"
done
