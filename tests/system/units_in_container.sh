#!/usr/bin/env bash
# The installed units under a real systemd: a Debian 12 tree, booted twice in a container of its own without a network.
# Takes two minutes, and five the first time. Label `long`: it needs root, Debian's archive, debootstrap and
# systemd-container, and fails where they are missing.
#
#   tests/system/units_in_container.sh
#
# The plain tree is kept in $SERIN_DEBIAN_TREE (default /var/cache/serin-test/bookworm); what is booted is a copy.
set -euo pipefail
cd "$(dirname "$0")/../.."
source=$PWD

for need in debootstrap systemd-nspawn; do
  if ! command -v "$need" >/dev/null; then
    echo "units_in_container: cannot run: $need is missing (apt-get install debootstrap systemd-container)" >&2
    exit 1
  fi
done
if [ "$(id -u)" != 0 ]; then
  echo "units_in_container: cannot run: only root can make and boot a Debian tree" >&2
  exit 1
fi

packaging/build-packages build
cmake --preset release -DBUILD_TESTING=OFF >/dev/null
nice cmake --build --preset release -- --quiet

plain=${SERIN_DEBIAN_TREE:-/var/cache/serin-test/bookworm}
if [ ! -e "$plain" ]; then
  echo "making a Debian tree in $plain"
  rm -rf "$plain.new"
  mkdir -p "$(dirname "$plain")"
  log=$(mktemp)
  if ! debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,libnss-systemd bookworm "$plain.new" \
    "${SERIN_DEBIAN_ARCHIVE:-http://deb.debian.org/debian}" >"$log" 2>&1; then
    tail -n 20 "$log"
    exit 1
  fi
  rm -f "$log"
  mv "$plain.new" "$plain"
fi

work=$(mktemp -d "${TMPDIR:-/var/tmp}/serin-units.XXXXXX")
tree=$work/tree
nspawn=
finish() {
  local status=$?
  set +e
  if [ -n "$nspawn" ]; then kill -KILL "$nspawn" 2>/dev/null && wait "$nspawn" 2>/dev/null; fi
  if [ -n "${SERIN_KEEP_TREE:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM
cp -a --reflink=auto "$plain" "$tree"

# The libraries that the programs ask for, by package; those that are there already cost nothing.
programs=(build/release/bin/serin build/release/bin/serin-controller build/release/bin/serin-agent)
mapfile -t libraries < <(ldd "${programs[@]}" | awk '$3 ~ "^/" { print $3 }' | sort -u)
mapfile -t packages < <(for library in "${libraries[@]}"; do
  dpkg-query -S "$(realpath "$library")" 2>/dev/null || dpkg-query -S "$library"
done | cut -d: -f1 | sort -u)
if ! { chroot "$tree" apt-get update -qq && chroot "$tree" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
  --no-install-recommends "${packages[@]}"; } >"$work/apt.log" 2>&1; then
  tail -n 20 "$work/apt.log"
  exit 1
fi
DESTDIR=$tree cmake --install build/release --prefix /usr --strip >"$work/install.log"

install -m 755 "$source/tests/system/units_checks.sh" "$tree/usr/local/sbin/units_checks"
mkdir -p "$tree/etc/systemd/system/multi-user.target.wants"
cat >"$tree/etc/systemd/system/units-checks.service" <<'EOF'
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
TimeoutStartSec=10min
ExecStart=/usr/local/sbin/units_checks
StandardOutput=append:/root/output
StandardError=append:/root/output
EOF
ln -s ../units-checks.service "$tree/etc/systemd/system/multi-user.target.wants/"

# boot PART: boots the tree, which carries out that part of the checks and goes down again.
boot() {
  echo "$1" >"$tree/root/part"
  rm -f "$tree/root/passed" && : >"$tree/root/output"
  # Debian 12 has the unified hierarchy of control groups, whatever this machine has.
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet -D "$tree" --boot \
    --private-network --register=no --keep-unit >"$work/console" 2>&1 </dev/null &
  nspawn=$!
  local seconds
  for ((seconds = 0; seconds < 900; seconds++)); do
    kill -0 "$nspawn" 2>/dev/null || break
    sleep 1
  done
  kill -KILL "$nspawn" 2>/dev/null || true # what it started ends with it
  wait "$nspawn" || true
  nspawn=
  cat "$tree/root/output"
  if [ ! -e "$tree/root/passed" ]; then
    [ -s "$tree/root/output" ] || tail -n 40 "$work/console"
    exit 1
  fi
}

boot first
boot second
