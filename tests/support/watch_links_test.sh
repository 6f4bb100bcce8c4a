#!/bin/bash
# watch_links tells every target that a link has: watch_links_test.sh PROGRAM
set -u
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/a" "$folder/b"
ln -s /slots/r1-x "$folder/a/live"

"$program" "web-01=$folder/a/live" "web-02=$folder/b/live" >"$folder/seen" &
watcher=$!
lines_are() {
  local tries
  for ((tries = 0; tries < 200; ++tries)); do
    [[ $(wc -l <"$folder/seen") == "$1" ]] && return 0
    sleep 0.05
  done
  return 1
}
lines_are 2
ln -s /slots/r1-x "$folder/b/next" && mv -T "$folder/b/next" "$folder/b/live"
lines_are 3
ln -s /slots/r2-y "$folder/a/next" && mv -T "$folder/a/next" "$folder/a/live"
lines_are 4
touch "$folder/a/other"
rm "$folder/b/live"
lines_are 5
kill "$watcher"
wait "$watcher" 2>/dev/null

diff "$folder/seen" - <<'END' || exit 1
web-01 r1-x
web-02 -
web-02 r1-x
web-01 r2-y
web-02 -
END
"$program" "web-01=$folder/none/live" 2>"$folder/error" && exit 1
grep -q "cannot watch $folder/none: No such file or directory" "$folder/error" || exit 1
"$program" nonsense 2>/dev/null
[[ $? == 2 ]]
