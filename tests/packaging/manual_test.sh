#!/bin/bash
# The manual names every command and option, and no others: manual_test.sh BIN_FOLDER MAN_FOLDER
set -u
bin=$1 pages=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0
complain() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# page FILE: as plain text in very long lines, without hyphenation.
page() { groff -man -Tascii -P-cbou -rLL=300n -rHY=0 "$pages/$1"; }
# Long options that a help text offers, and those that a page names.
offered_options() { grep -oE -- '^  (-[a-z],)?--[a-z][a-z-]*' | grep -oE -- '--.*' | sort -u; }
named_options() { grep -oE -- '--[a-z][a-z-]*' | sort -u; }
# The names under "Subcommands:" of a help text.
subcommands() { awk '/^Subcommands:/ { on = 1; next } /^[^ ]/ { on = 0 } on && /^  [a-z]/ { print $1 }'; }

# ask PROGRAM [COMMAND…]: the help of it and of all commands below it into $folder/help, the commands into
# $folder/commands.
ask() {
  local help name
  help=$("$bin/$1" "${@:2}" --help) || complain "$* --help fails"
  printf '%s\n' "$help" >>"$folder/help"
  for name in $(subcommands <<<"$help"); do
    echo "${*:2} $name" >>"$folder/commands"
    ask "$@" "$name"
  done
}

for file in serin.1 serin-controller.8 serin-agent.8 serin-controller.toml.5 serin-agent.toml.5; do
  groff -man -ww -Tutf8 "$pages/$file" >/dev/null 2>"$folder/warnings"
  [ ! -s "$folder/warnings" ] || complain "groff warns of $file: $(cat "$folder/warnings")"
done

for program in serin.1 serin-controller.8 serin-agent.8; do
  : >"$folder/help" && : >"$folder/commands"
  ask "${program%.*}"
  page "$program" >"$folder/page"
  (($(wc -l <"$folder/page") > 30)) || complain "$program is empty"
  while read -r command; do
    # "hosts list" may stand beside "hosts"; "config" alone only asks for more.
    grep -qE "^ +([a-z ]+, )?$command( |$|,)" "$folder/page" || complain "$program does not describe '$command'"
  done <"$folder/commands"
  offered_options <"$folder/help" >"$folder/real"
  named_options <"$folder/page" >"$folder/described"
  missing=$(comm -23 "$folder/real" "$folder/described")
  [ -z "$missing" ] || complain "$program does not describe $missing"
  # Options of other programs are those that stand after their name.
  stale=$(comm -13 "$folder/real" "$folder/described" | while read -r option; do
    grep -E -- "(^|[^a-z])$option" "$folder/page" | grep -qvE -- "(serin-agent|serin-controller|systemctl [a-z]+) $option" &&
      echo "$option"
  done)
  [ -z "$stale" ] || complain "$program describes what does not exist: $stale"
done
exit "$failures"
