#!/bin/bash
# Counting errors in a quiet log (0.5 % of the lines are errors) and a mixed one (11 %) by ten rules, signatures
# included, beside mtail and grep on the same files in the same run: MB for each second of CPU, and ratios.
#
#   count_bench.sh SERIN_AGENT [MEGABYTES]      of each log; default 300
#
# A release build. Logs are made in /tmp and removed. mtail reads the first 40 MB: all of it would take minutes.
set -euo pipefail
agent=$(realpath "$1") megabytes=${2:-300}
folder=$(mktemp -d /tmp/serin-count-bench-XXXXXX)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# log SHARE: 200,000 lines of look-alikes, so many of a thousand being errors.
log() {
  awk -v share="$1" 'BEGIN {
    srand(7)
    split("connection pool handler request cache session user index article page template module queue worker job", word)
    for (i = 0; i < 200000; i++) {
      time = sprintf("%02d:%02d:%02d", i / 3600 % 24, i / 60 % 60, i % 60)
      text = word[int(rand() * 15) + 1] " " word[int(rand() * 15) + 1] " " word[int(rand() * 15) + 1]
      if (rand() * 1000 < share) line = error(int(rand() * 6)); else line = other(i % 6)
      print line
    }
  }
  function error(kind) {
    if (kind == 0) return "[01-May-2026 " time " UTC] PHP Fatal error:  Uncaught RuntimeException: " text " " i \
      " in /srv/mediawiki/php-1.43.0-wmf.5/includes/Title.php:" i % 900
    if (kind == 1) return "2026/05/01 " time " [error] " i % 3000 "#0: *" i " connect() failed (111: Connection refused) " \
      "while connecting to upstream, client: 10.1.2." i % 250 ", server: shop.example.org, request: \"GET / HTTP/1.1\""
    if (kind == 2) return "2026-05-01 " time ".123 [http-nio-8080-exec-" i % 40 "] ERROR c.e.shop.Pool - " text " failed after " i " ms"
    if (kind == 3) return "10.0.1." i % 250 " - - [01/May/2026:" time " +0000] \"POST /w/api.php HTTP/1.1\" 503 " i \
      " \"-\" \"python-requests/2.31\""
    if (kind == 4) return "May  1 " time " mw" i % 300 " sshd[" i % 32000 "]: pam_unix(sshd:auth): authentication failure; " \
      "logname= uid=0 euid=0 tty=ssh ruser= rhost=10.9.1." i % 250
    return "1777593600 2026-05-01 R" i % 64 "-M0-N4-C:J12-U01 RAS KERNEL FATAL data TLB error interrupt " i
  }
  function other(kind) {
    if (kind == 0) return "2026-05-01 " time ".123 [http-nio-8080-exec-" i % 40 "] INFO  c.e.shop.web.CartController - " text \
      " id=" i " took " i % 900 " ms"
    if (kind == 1) return "10.0.2." i % 250 " - - [01/May/2026:" time " +0000] \"GET /w/index.php?title=" word[i % 15 + 1] \
      "&oldid=" i " HTTP/1.1\" 200 " i " \"https://en.example.org/wiki/\" \"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) " \
      "Gecko/20100101 Firefox/128.0\""
    if (kind == 2) return "May  1 " time " mw" i % 300 " systemd[1]: Started Session " i " of user www-data (" text ")."
    if (kind == 3) return "May  1 " time " mw" i % 300 " sshd[" i % 32000 "]: Accepted publickey for deploy from 10.64.1." i % 250 \
      " port " i % 65000 " ssh2: ED25519 SHA256:0f3a9c4d5e6b7a8990123456789abcdef0123456"
    if (kind == 4) return "2026/05/01 " time " [warn] " i % 3000 "#0: *" i " an upstream response is buffered to a temporary file " \
      "/var/lib/nginx/proxy/7/01/" i " while reading upstream, client: 10.1.2.3, server: shop.example.org"
    return "1777593600 2026-05-01 R" i % 64 "-M1-N2-C:J05-U11 RAS KERNEL INFO generating core." i " " text
  }'
}

names=(php bracket word exception ssh kernel traceback http ras oom)
expressions=('PHP (Fatal|Parse|Recoverable fatal) error' '\[(error|crit|alert|emerg)\]' '(^|\s)(ERROR|FATAL)\s'
  '\b\w+(Exception|Error): ' 'authentication failure|Failed password' 'segfault at|kernel panic|I/O error'
  '^Traceback .most recent call last.:' '" 5[0-9][0-9] ' 'RAS \w+ FATAL' 'Out of memory|oom-killer')
mkdir programs
for i in "${!names[@]}"; do
  printf '[[rule]]\nname = "%s"\nmatch = '"'%s'"'\n' "${names[i]}" "${expressions[i]}" >>rules.toml
  printf '%s\n' "${expressions[i]}" >>patterns
  printf 'counter %s_total\n/%s/ {\n  %s_total++\n}\n' "${names[i]}" "${expressions[i]//\//\\/}" "${names[i]}" >>programs/rules.mtail
done

# cpu COMMAND…: its user and system seconds; best of three, or of as many as TIMES says.
cpu() {
  local best='' used TIMEFORMAT='%U %S' i
  for ((i = 0; i < ${TIMES:-3}; i++)); do
    used=$({ time "$@" >"$folder/out" 2>"$folder/err" || true; } 2>&1 | awk '{ print $1 + $2 }')
    best=$(awk -v a="${best:-$used}" -v b="$used" 'BEGIN { print (a < b ? a : b) }')
  done
  echo "$best"
}
rate() { awk -v bytes="$(stat -c %s "$1")" -v cpu="$2" 'BEGIN { printf "%.1f", bytes / 1e6 / (cpu > 0 ? cpu : 0.001) }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.0f", a / b }'; }

for kind in quiet mixed; do
  share=5
  [ $kind = quiet ] || share=110
  log $share >base
  copies=$((megabytes * 1000000 / $(stat -c %s base) + 1))
  for ((i = 0; i < copies; i++)); do cat base; done >$kind.log
  head -c 40000000 $kind.log >$kind.head
  serin=$(rate $kind.log "$(cpu "$agent" count --rules rules.toml --top 0 $kind.log)")
  "$agent" count --rules rules.toml --top 0 $kind.log | sed -n "1s/^/$kind: /p"
  printf '  %-40s %10s MB per CPU second\n' "serin-agent count, 10 rules, signatures" "$serin"
  grep=$(rate $kind.log "$(TIMES=1 LC_ALL=C cpu grep -c -E -f patterns $kind.log)")
  printf '  %-40s %10s MB per CPU second, serin : grep %s\n' "grep -c -E, LC_ALL=C, the same rules" "$grep" "$(ratio "$serin" "$grep")"
  if command -v mtail >/dev/null; then
    mtail=$(rate $kind.head "$(TIMES=1 cpu mtail -one_shot -logs $kind.head -progs programs)")
    printf '  %-40s %10s MB per CPU second, serin : mtail %s\n' "mtail, the same rules, first 40 MB" "$mtail" "$(ratio "$serin" "$mtail")"
    grep -q 'ras_total' out err || { echo "MTAIL COUNTED NOTHING:" && tail -n 5 out err; }
  else
    echo "  MTAIL IS NOT INSTALLED: nothing to compare with (apt-get install mtail)"
  fi
  rm -f $kind.log $kind.head
done
