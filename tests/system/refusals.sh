#!/usr/bin/env bash
# What cannot be done is refused with one clear line that names the thing and the remedy, and the daemon lives on.
. "$(dirname "$0")/lib.sh"

# No daemon: the CLI says so and how to start it.
mkdir -p "$FLEET/run"
expect_exit 1 serin status
expect_text "serin-controller"
expect_text "systemctl start"

fleet_init 4 1 1
echo one >"$FLEET/staging/index"
fleet_start

# A second daemon on the same state folder.
expect_exit 1 "$SERIN_BIN/serin-controller" --config "$FLEET/controller.toml"
expect_text "another serin-controller uses $FLEET/state"
# A second daemon with a state folder of its own, but the run_dir of the first: that keeps its socket.
sed -e 's|^state_dir = .*|state_dir = "'"$FLEET"'/state-2"|' -e "s|^orders_port = .*|orders_port = $((FLEET_PORT + 2))|" \
  -e "s|^content_port = .*|content_port = $((FLEET_PORT + 3))|" "$FLEET/controller.toml" >"$FLEET/second.toml"
expect_exit 1 timeout 20 "$SERIN_BIN/serin-controller" --config "$FLEET/second.toml"
expect_text "another serin-controller serves operators in $FLEET/run"
expect_exit 0 serin hosts
# A second agent on the same state folder.
expect_exit 1 "$SERIN_BIN/serin-agent" --config "$(fleet_host_dir 1)/agent.toml"
expect_text "another serin-agent uses"

# A path before there is any release; an empty source; a source that nobody may read.
expect_exit 5 serin deploy "$FLEET/staging/index" -m "too early"
expect_text "no release yet"
mv "$FLEET/staging/index" "$FLEET/index"
expect_exit 5 serin deploy -m "empty"
expect_text "$FLEET/staging"
mv "$FLEET/index" "$FLEET/staging/index"
mv "$FLEET/staging" "$FLEET/gone"
expect_exit 5 serin deploy -m "no source"
expect_text "$FLEET/staging"
mv "$FLEET/gone" "$FLEET/staging"
chmod u+s "$FLEET/staging/index"
expect_exit 5 serin deploy -m "setuid"
expect_text "index"
chmod u-s "$FLEET/staging/index"
ln -s /etc/passwd "$FLEET/staging/escape"
expect_exit 5 serin deploy -m "a link out of the tree"
expect_text "escape"
rm "$FLEET/staging/escape"

expect_exit 0 serin deploy -m "first release"
expect_all_live 1
expect_exit 5 serin deploy /etc/passwd -m "outside"
expect_text "/etc/passwd"
expect_exit 1 serin deploy "$FLEET/staging/no-such" -m "neither here nor there"
expect_text "no-such"
expect_exit 0 serin deploy -m "nothing changed"
expect_text "nothing to do"

# Usage: 2. Unknown names: said with what there is.
expect_exit 2 serin deploi
expect_exit 2 serin deploy --wait soon -m x
expect_text "soon"
expect_exit 2 serin status -a no-such
expect_text "shop"
expect_exit 1 serin rollback r7 --yes
expect_text "r7"
expect_exit 1 serin abort
expect_exit 1 serin hosts revoke nobody
expect_text "nobody"

# A message of 1 MB, with line feeds and terminal escapes, is escaped wherever it is shown.
nasty=$'line one\nline two \e[31mred\e[0m \a\t'
echo two >"$FLEET/staging/index"
expect_exit 0 serin deploy --force -m "$nasty"
echo three >"$FLEET/staging/index"
head -c 100000 /dev/zero | tr '\0' x >"$FLEET/long" # an argument cannot be longer than 128 KiB
expect_exit 0 serin deploy --force -m "$(cat "$FLEET/long")"
for show in status history; do
  expect_exit 0 serin $show
  [[ "$OUTPUT" != *$'\e'* ]] || fail "an escape sequence reached the terminal: $show"
  ((${#OUTPUT} < 20000)) || fail "$show is ${#OUTPUT} bytes long"
  expect_exit 0 serin $show --json
  jq -e . <<<"$OUTPUT" >/dev/null || fail "no JSON: $show"
done
expect_exit 0 serin history
expect_text 'line one\nline two'

# dry-run changes nothing.
echo four >"$FLEET/staging/index"
expect_exit 0 serin deploy --dry-run
expect_text "changed index"
expect_all_live 3

# The Scap names.
expect_exit 0 serin sync-file "$FLEET/staging/index" "as in Scap" --force
expect_all_live 4
(cd "$FLEET/staging" && echo five >index)
expect_exit 0 serin sync-world "all of it" --force
expect_all_live 5

# Configuration: the file, the line, and what would be right.
expect_exit 0 serin config check "$FLEET/controller.toml"
sed 's/^wait = .*/wiat = "4s"/' "$FLEET/controller.toml" >"$FLEET/wrong.toml"
expect_exit 1 serin config check "$FLEET/wrong.toml"
expect_text "wrong.toml:"
expect_text "wait"
