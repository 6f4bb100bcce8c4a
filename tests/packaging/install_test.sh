#!/bin/bash
# `cmake --install` gives what an operator expects, and systemd accepts it: install_test.sh CMAKE BUILD_FOLDER
set -u
cmake=$1 build=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
umask 077 # must not show in what is installed
failures=0
complain() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# A package's way: everything below DESTDIR, for /usr.
root=$folder/root
DESTDIR=$root "$cmake" --install "$build" --prefix /usr >"$folder/log" 2>&1 || { cat "$folder/log" && exit 1; }
(cd "$root" && find . -type f -printf '%m %P\n' | sort -k 2) >"$folder/tree"
cat >"$folder/wanted" <<'EOF'
755 usr/bin/serin
644 usr/lib/systemd/system/serin-agent.service
644 usr/lib/systemd/system/serin-controller.service
644 usr/lib/sysusers.d/serin-controller.conf
644 usr/lib/tmpfiles.d/serin-controller.conf
755 usr/sbin/serin-agent
755 usr/sbin/serin-controller
644 usr/share/doc/serin/agent.toml
644 usr/share/doc/serin/controller.toml
644 usr/share/man/man1/serin.1
644 usr/share/man/man5/serin-agent.toml.5
644 usr/share/man/man5/serin-controller.toml.5
644 usr/share/man/man8/serin-agent.8
644 usr/share/man/man8/serin-controller.8
EOF
diff -u "$folder/wanted" "$folder/tree" || complain "the installed files are others than those above"
for daemon in serin-controller serin-agent; do
  unit=$root/usr/lib/systemd/system/$daemon.service
  grep -qx "ExecStart=/usr/sbin/$daemon" "$unit" || complain "$unit does not start /usr/sbin/$daemon"
  ! grep -n '@' "$unit" | grep -v 'SystemCallFilter\|#' || complain "$unit has a placeholder left"
done
for program in bin/serin sbin/serin-controller sbin/serin-agent; do
  version=$("$root/usr/$program" --version) || complain "$program does not run"
  [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || complain "$program has the version '$version'"
done
for daemon in controller agent; do
  "$root/usr/sbin/serin-$daemon" --check --config "$root/usr/share/doc/serin/$daemon.toml" >"$folder/log" ||
    complain "the sample $daemon.toml is refused"
done

# A second installation leaves a configuration alone.
mkdir -p "$root/etc/serin" && echo mine >"$root/etc/serin/controller.toml"
DESTDIR=$root "$cmake" --install "$build" --prefix /usr >/dev/null 2>&1 || complain "a second installation fails"
[ "$(ls "$root/etc/serin") $(cat "$root/etc/serin/controller.toml")" = "controller.toml mine" ] ||
  complain "an installation touches /etc/serin"

# The user and the groups, in a scratch system.
printf 'root:x:0:0::/root:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
systemd-sysusers --root="$root" >"$folder/log" 2>&1 || { cat "$folder/log" && complain "systemd-sysusers refuses its file"; }
grep -qE '^serin:x:[0-9]+:[0-9]+:Serin controller:/var/lib/serin:/usr/sbin/nologin$' "$root/etc/passwd" ||
  complain "no user serin: $(cat "$root/etc/passwd")"
grep -qE '^serin-operators:x:[0-9]+:serin$' "$root/etc/group" || complain "no group serin-operators: $(cat "$root/etc/group")"
systemd-tmpfiles --root="$root" --create "$root/usr/lib/tmpfiles.d/serin-controller.conf" >"$folder/log" 2>&1 ||
  complain "systemd-tmpfiles refuses its file: $(cat "$folder/log")"

# The units, where their programs are: a prefix of its own.
"$cmake" --install "$build" --prefix "$folder/own" >/dev/null 2>&1 || complain "an installation with another prefix fails"
units=$folder/own/lib/systemd/system
for daemon in serin-controller serin-agent; do
  if ! systemd-analyze verify --man=no "$units/$daemon.service" >"$folder/log" 2>&1 || [ -s "$folder/log" ]; then
    complain "systemd-analyze verify $daemon.service: $(cat "$folder/log")"
  fi
done

# exposure UNIT TENTHS: what systemd thinks of the sandbox, at most that much.
exposure() {
  systemd-analyze security --no-pager --offline=yes --threshold="$2" "$units/$1" >"$folder/log" 2>&1 ||
    complain "$1 is more exposed than $2 tenths"
  tail -n 1 "$folder/log"
}
exposure serin-controller.service 20
# Its hooks do what an administrator does: see the unit.
exposure serin-agent.service 70
exit "$failures"
