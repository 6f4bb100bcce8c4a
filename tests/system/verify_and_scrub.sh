#!/usr/bin/env bash
# Live trees that somebody changed by hand: found by `serin verify` and by scrubbing, restored with --repair in every
# slot, and nothing else is touched.
set -euo pipefail
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

fleet_init 3 1 0
# One application's agent scrubs; the others' do not.
sed -i '1i scrub_rate = "0B"' "$(fleet_host_dir 1)/agent.toml" "$(fleet_host_dir 2)/agent.toml"
sed -i '1i scrub_rate = "5MB"\nscrub_every = "2s"' "$(fleet_host_dir 3)/agent.toml"
mkdir -p "$FLEET/staging/lib"
head -c 300000 /dev/urandom >"$FLEET/staging/lib/big.bin"
for i in 1 2 3 4 5; do echo "file $i" >"$FLEET/staging/lib/$i.txt"; done
echo one >"$FLEET/staging/version"
fleet_start
run_applications
expect_exit 0 serin deploy --force --yes -m one
echo two >"$FLEET/staging/version"
expect_exit 0 serin deploy --force --yes -m two
expect_all_live 2

# Nothing has drifted.
expect_exit 0 serin verify
expect_text "web-01: clean: r2, 7 files"
expect_text "3 of 3 hosts clean"
expect_exit 2 serin verify shop no-such-host
expect_text "no host 'no-such-host'"

# By hand: a file changed through its hard link in the older slot, one deleted, one added, a mode, all on one host.
dir=$(fleet_host_dir 1)
live=$(readlink -f "$dir/live")
old=$(echo "$dir"/live.slots/r1-*)
sleep 1 # the spare is made half a second after a step
[ "$live/lib/1.txt" -ef "$old/lib/1.txt" ] || fail "the slots share no files"
[ "$live/lib/1.txt" -ef "$dir/live.slots/.spare/lib/1.txt" ] || fail "the spare shares no files"
chmod u+w "$old/lib/1.txt"
printf 'FILE 1' | dd of="$old/lib/1.txt" conv=notrunc status=none
chmod u-w "$old/lib/1.txt"
touch -d "@$(stat -c %Y "$FLEET/staging/lib/1.txt")" "$old/lib/1.txt"
rm "$live/lib/2.txt"
echo mine >"$live/lib/mine.txt"
chmod 0777 "$live/lib/3.txt"

expect_exit 8 serin verify shop web-01
expect_text "web-01: r2: 4 paths differ: 1 changed, 1 missing, 1 extra, 1 with another mode"
expect_text "changed  lib/1.txt"
expect_text "missing  lib/2.txt"
expect_text "extra    lib/mine.txt"
expect_text "mode     lib/3.txt"
expect_exit 8 serin verify --json
expect_text '"host":"web-02"'
[ -e "$live/lib/mine.txt" ] || fail "a verify without --repair changed the tree"
serin status >"$FLEET/status"
grep -q 'drift: 4 files, serin verify --repair web-01' "$FLEET/status" || fail "status does not tell: $(cat "$FLEET/status")"

expect_exit 0 serin verify --repair shop 'web-*'
expect_text "web-01: r2: 4 paths differ"
expect_text "all restored"
expect_text "2 of 3 hosts clean, 1 restored"
diff -r "$FLEET/staging" "$live" || fail "the live tree is not the release"
[ "$(cat "$old/lib/1.txt")" = "file 1" ] || fail "the older slot still has the damaged file"
[ "$live/lib/1.txt" -ef "$old/lib/1.txt" ] || fail "the slots do not share the new file"
[ "$(cat "$dir/live.slots/.spare/lib/1.txt")" = "file 1" ] || fail "the spare still has the damaged file"
[ "$(stat -c %a "$live/lib/3.txt")" = 444 ] || fail "the mode is not restored"
[ "$(stat -c %a "$old/lib/3.txt")" = 444 ] || fail "the mode in the older slot is not restored"
expect_exit 0 serin verify

# Scrubbing finds a flipped byte by itself, tells, and touches nothing.
dir=$(fleet_host_dir 3)
live=$(readlink -f "$dir/live")
chmod u+w "$live/lib/big.bin"
byte=$(od -An -tu1 -j 200000 -N 1 "$live/lib/big.bin")
printf '%b' "\\x$(printf %02x $((byte ^ 1)))" | dd of="$live/lib/big.bin" bs=1 seek=200000 conv=notrunc status=none
chmod u-w "$live/lib/big.bin"
touch -d "@$(stat -c %Y "$FLEET/staging/lib/big.bin")" "$live/lib/big.bin"
says_drift() { serin status | grep -q 'drift: 1 file, serin verify --repair web-03'; }
wait_until 300 says_drift
! cmp -s "$FLEET/staging/lib/big.bin" "$live/lib/big.bin" || fail "scrubbing repaired by itself"
expect_exit 0 serin verify --repair shop web-03
cmp "$FLEET/staging/lib/big.bin" "$live/lib/big.bin" || fail "the flipped byte is still there"
says_no_drift() { ! serin status | grep -q 'drift:'; }
wait_until 100 says_no_drift

# The next deploy and going back are as ever.
echo three >"$FLEET/staging/version"
expect_exit 0 serin deploy --force --yes -m three
expect_all_live 3
for i in 1 2 3; do diff -r "$FLEET/staging" "$(fleet_host_dir "$i")/live/" || fail "web-0$i has another tree"; done
expect_exit 0 serin rollback r2 --force --yes
expect_exit 0 serin verify
echo "verify_and_scrub: passed"
