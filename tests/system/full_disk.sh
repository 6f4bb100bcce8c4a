#!/usr/bin/env bash
# A host whose disk is full, before a deploy and in the middle of one: what is live stays, the reason is told, and the next
# deploy works as soon as there is room.
if [ -z "${SERIN_OWN_MOUNTS:-}" ]; then
  export SERIN_OWN_MOUNTS=1
  if [ "$(id -u)" = 0 ]; then exec unshare --mount -- bash "$0" "$@"; fi
  exec unshare --user --map-root-user --mount -- bash "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

FILLER_PID=
DISK="$FLEET/hosts/web-01/disk"
leave() {
  [ -z "$FILLER_PID" ] || kill "$FILLER_PID" 2>/dev/null
  umount -l "$DISK" 2>/dev/null
}
at_end leave

fleet_init 2 1 0
mkdir "$DISK"
mount -t tmpfs -o size=220m,nr_inodes=6000 tmpfs "$DISK"
sed -i "s|^live = .*|live = \"$DISK/live\"|" "$FLEET/hosts/web-01/agent.toml"
live_index() { cat "$DISK/live/index"; }
fleet_start
echo one >"$FLEET/staging/index"
expect_exit 0 serin deploy --force --yes -m one

# Nearly full: less than the reserve is left.
echo two >"$FLEET/staging/index"
fallocate -l 170M "$DISK/filler"
expect_exit 6 serin deploy --force --yes -m two
expect_text "space"
expect_text "free some space"
[ "$(live_index)" = one ] || fail "web-01 shows $(live_index)"
expect_live 2 2
rm "$DISK/filler"
expect_exit 0 serin deploy --force --yes -m "two again"
[ "$(live_index)" = two ] || fail "web-01 shows $(live_index)"

# No inodes.
for ((i = 0; i < 5500; i++)); do : >"$DISK/inode-$i"; done
echo three >"$FLEET/staging/index"
expect_exit 6 serin deploy --force --yes -m three
expect_text "inodes free"
[ "$(live_index)" = two ] || fail "web-01 shows $(live_index)"
rm "$DISK"/inode-*

# It fills up after the look, while the release comes in.
head -c 100M /dev/urandom >"$FLEET/staging/large"
cat >"$FLEET/fill.py" <<'EOS'
import glob
import sys

disk = sys.argv[1]
while not glob.glob(disk + "/live.slots/.serin/incoming/*"):
    pass
try:
    with open(disk + "/filler", "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1 << 20))
except OSError as error:
    print(error, flush=True)
EOS
python3 "$FLEET/fill.py" "$DISK" >"$FLEET/filled" &
FILLER_PID=$!
expect_exit 6 serin deploy --force --yes -m "filled meanwhile"
expect_text "web-01"
expect_text "No space left on device"
grep -q "No space left" "$FLEET/filled" || fail "the disk was not filled"
[ "$(live_index)" = two ] || fail "web-01 shows $(live_index)"
expect_exit 0 serin status
rm "$DISK/filler"
expect_exit 0 serin deploy --force --yes -m "room again"
[ "$(live_index)" = three ] || fail "web-01 shows $(live_index)"
cmp "$FLEET/staging/large" "$DISK/live/large" || fail "the large file differs"
