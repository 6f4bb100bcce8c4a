#!/bin/bash
# What must be true of the installed units; runs as root inside the container of units_in_container.sh, which has a
# systemd of its own, only a loopback network and no configuration yet. Prints one line for each promise.
#
#   units_checks      the part that /root/part names; leaves /root/passed when all was well
set -u
failures=0
expect() { # SENTENCE COMMAND…
  local sentence=$1
  shift
  if "$@" >/tmp/said 2>&1; then
    echo "ok: $sentence"
  else
    echo "FAILED: $sentence ($*)"
    tail -n 12 /tmp/said
    failures=$((failures + 1))
  fi
}
not() { ! "$@"; }
# Until the command succeeds, at most 60 s.
eventually() {
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.2
  done
  "$@"
}
property() { systemctl show -P "$2" "$1"; }
is() { # WANTED COMMAND…: what the command prints
  local wanted=$1 got
  shift
  got=$("$@" 2>&1)
  [ "$got" = "$wanted" ] || { echo "'$got' instead of '$wanted'" && false; }
}
says() { # TEXT COMMAND…: the command prints it, whatever its status
  local text=$1 got
  shift
  got=$("$@" 2>&1)
  [[ $got == *"$text"* ]] || { echo "'$got' does not say '$text'" && false; }
}
as() { su "$1" -s /bin/bash -c "$2"; } # USER COMMAND-LINE
exits() { # STATUS COMMAND…
  local wanted=$1 status=0
  shift
  "$@" || status=$?
  ((status == wanted)) || { echo "exit $status instead of $wanted" && false; }
}
mode_of() { stat -c '%a %U:%G' "$1"; }
connected() { as alice 'serin hosts' | grep -q ' connected '; }
nothing_runs() { as alice 'serin status -a shop --json' | grep -q '"deployment":null'; }
live_file() { cat "/srv/shop/current/$1"; }
release() { echo "$1" >/srv/staging/shop/index; }
deploys() { as alice "serin deploy -a shop --force -m '$1'"; }
hooks() { xargs </srv/shop/hooks; }
main_pid() { property "$1" MainPID; }
is_other_pid() { local pid && pid=$(main_pid "$1") && [ "$pid" != 0 ] && [ "$pid" != "$2" ]; }
# Ends it when the rest could only fail.
must_be_well() {
  if ((failures == 0)); then return 0; fi
  echo "--- journal"
  journalctl -q --no-pager -b -u serin-controller -u serin-agent | tail -n 80
  exit 1
}
# What a sandbox takes away shows in the journal of the unit, whoever tripped over it.
denials() { journalctl -q --no-pager -b -u "$1" | grep -E 'Operation not permitted|Read-only file system|Permission denied' |
  grep -v /usr/local/www; }

write_configuration() {
  expect "the sample goes where the manual says" install -D -m 644 /usr/share/doc/serin/controller.toml /etc/serin/controller.toml
  expect "and is good" serin config check
  mkdir -p /srv/staging/shop /srv/shop /var/log/shop /home/alice/site /etc/site /usr/local/www /tmp/conf
  cat >/etc/serin/controller.toml <<'EOF'
listen = "127.0.0.1"
announce = ["/usr/local/bin/tell"]
[application.shop]
source = "/srv/staging/shop"
canary = ["label:canary"]
[application.home]
source = "/home/alice/site"
[application.tmp]
source = "/tmp/conf"
EOF
  cat >/usr/local/bin/tell <<'EOF'
#!/bin/sh
note=$(mktemp) && echo "$3" >"$note" && logger -t tell -f "$note" && rm "$note"
EOF
  cat >/usr/local/bin/shop-reload <<'EOF'
#!/bin/sh
# A hook does what administrators do: another user, the service manager, a file wherever it likes.
set -e
echo "begin $SERIN_RELEASE" >>/srv/shop/hooks
runuser -u shop -- sh -c 'cat /srv/shop/current/index >/var/lib/shop/loaded'
systemctl reload-or-restart shop.service
install -m 2755 -d /var/cache/shop-pages
[ ! -e /srv/shop/slow ] || sleep 20
echo "end $SERIN_RELEASE" >>/srv/shop/hooks
EOF
  chmod 755 /usr/local/bin/tell /usr/local/bin/shop-reload
  cat >/etc/systemd/system/shop.service <<'EOF'
[Service]
ExecStart=/bin/sleep infinity
ExecReload=/bin/sh -c 'date >>/run/shop-reloaded'
EOF
  keys_by_root
  cat >/etc/serin/agent.toml <<EOF
controller = "tcp://127.0.0.1:4700"
$(serin-controller --print-keys)
[application.shop]
live = "/srv/shop/current"
slots = 2
idle_grace = "0s"
reload = ["/usr/local/bin/shop-reload"]
[[application.shop.source]]
path = "/var/log/shop/error.log"
[[application.shop.rule]]
name = "error"
match = "ERROR"
[application.home]
live = "/etc/site/current"
[application.tmp]
live = "/usr/local/www/current"
EOF
  install -m 640 -g adm /dev/null /var/log/shop/error.log
  release one
  echo home >/home/alice/site/page
  echo tmp >/tmp/conf/page
  systemctl daemon-reload
}

without_configuration() {
  expect "without a configuration the controller does not start" not systemctl start serin-controller
  expect "and says why" says "open /etc/serin/controller.toml: No such file" journalctl -q -b -u serin-controller
  expect "it ended with 78" is 78 property serin-controller ExecMainStatus
  sleep 3
  expect "and is not started again" is "failed 0" echo "$(property serin-controller ActiveState) $(property serin-controller NRestarts)"
  systemctl reset-failed serin-controller
}

# Root may have the keys made before the service was ever started, or after a start that failed.
keys_by_root() {
  expect "a failed start left a state folder" is "700 serin:serin-operators" mode_of /var/lib/serin
  expect "root has keys made in it" serin-controller --print-keys
  expect "they are the service's" is "600 serin:serin-operators" mode_of /var/lib/serin/keys/controller
  expect "root does not run the daemon in it" says "belongs to user $(id -u serin)" serin-controller
  rm -r /var/lib/serin
}

first_start() {
  expect "the controller starts" systemctl enable --now serin-controller
  must_be_well
  expect "it tells systemd how it stands" is "0 of 0 hosts connected, 0 deployments running" property serin-controller StatusText
  expect "it runs as serin" is serin stat -c %U "/proc/$(main_pid serin-controller)"
  expect "/run/serin is the operators'" is "750 serin:serin-operators" mode_of /run/serin
  expect "so is the socket" is "660 serin:serin-operators" mode_of /run/serin/operator.sock
  expect "the state is its own" is "700 serin:serin-operators" mode_of /var/lib/serin
  expect "keys that root had made where there was no folder are its own, too" is "600 serin:serin-operators" mode_of /var/lib/serin/keys/controller
  expect "root still gets the same keys printed" is "$(grep -E '^(controller|release)_keys' /etc/serin/agent.toml)" serin-controller --print-keys
  expect "the agent starts" systemctl enable --now serin-agent
  expect "its state is its own" is "700 root:root" mode_of /var/lib/serin-agent
  key=$(serin-agent --print-key)
  expect "its key waits" eventually says "${key:0:16}" as alice 'serin hosts'
  expect "an operator accepts it" as alice "serin hosts accept ${key:0:16} --name web-01 --label canary"
  expect "it connects" eventually connected
  expect "both tell systemd" eventually is "1 of 1 hosts connected, 0 deployments running" property serin-controller StatusText
  expect "so" eventually is "connected to tcp://127.0.0.1:4700 as web-01" property serin-agent StatusText
  must_be_well
}

who_may() {
  local refusal="you may not use /run/serin/operator.sock: become a member of its group"
  expect "who is no operator is told so" says "$refusal" as bob 'serin status -a shop'
  expect "with exit status 1" exits 1 as bob 'serin status -a shop'
  expect "an operator deploys" deploys first
  expect "the release is live" is one live_file index
  expect "it is the operator's deployment" says '"owner":"alice"' as alice 'serin history --json'
  expect "root deploys" serin deploy -a home --force -m "from a home folder"
  expect "that is root's" says '"owner":"root"' as alice 'serin history --json'
  expect "the journal knows what is an error" says "/usr/local/www/current.slots" journalctl -q -b -p err -o cat -u serin-agent
  expect "and only that" not says "connected" journalctl -q -b -p err -o cat -u serin-agent
  expect "a live path in /etc works" is home cat /etc/site/current/page
  expect "a source in /tmp is seen, a live path in /usr is refused by name" says \
    "/usr/local/www/current.slots" as alice 'serin deploy -a tmp --force -m "into /usr"'
}

what_a_release_is() {
  expect "the application's user reads the live tree" is one as shop 'cat /srv/shop/current/index'
  expect "and cannot change it" not as shop 'echo two >/srv/shop/current/index'
  expect "the hook acted as another user" is one cat /var/lib/shop/loaded
  expect "and reloaded a service" systemctl is-active shop.service
  expect "and made a folder with a setgid bit" is 2755 stat -c %a /var/cache/shop-pages
  expect "the announce command wrote its file and its line" says "first" journalctl -q -b -t tell
  for ((i = 0; i < 30; i++)); do echo "ERROR $i" >>/var/log/shop/error.log; done
  expect "errors are counted" eventually says '"errors_per_second":3.0' as alice 'serin status -a shop --json'
}

# short_watchdog UNIT…: a watchdog that the checks can wait for; normal_watchdog UNIT…: the unit's own again.
short_watchdog() {
  local unit
  for unit; do
    mkdir -p "/run/systemd/system/$unit.service.d"
    printf '[Service]\nWatchdogSec=2\nTimeoutAbortSec=5\n' >"/run/systemd/system/$unit.service.d/short.conf"
  done
  systemctl daemon-reload && systemctl restart "$@"
}
normal_watchdog() {
  local unit
  for unit; do rm -r "/run/systemd/system/$unit.service.d"; done
  systemctl daemon-reload && systemctl restart "$@"
}

restarts() {
  local pid
  short_watchdog serin-agent
  eventually connected
  release two
  touch /srv/shop/slow && : >/srv/shop/hooks
  as alice 'serin deploy -a shop --force --detach -m second'
  expect "a hook runs" eventually grep -q begin /srv/shop/hooks
  pid=$(main_pid serin-agent)
  expect "the agent restarts in the middle of it" systemctl restart serin-agent
  expect "it waited for the hook's end" is "begin 2 end 2" hooks
  expect "no watchdog took that for a hang" not says Watchdog journalctl -q -b -u serin-agent
  expect "it is another process" is_other_pid serin-agent "$pid"
  expect "the deployment ends" eventually nothing_runs
  expect "as released" says "released r2 on 1 of 1 hosts" as alice 'serin attach -a shop'
  normal_watchdog serin-agent
  pid=$(main_pid serin-controller)
  rm /srv/shop/slow
  expect "the controller restarts" systemctl restart serin-controller
  expect "as another process" is_other_pid serin-controller "$pid"
  expect "the host comes back to it" eventually connected
  release three
  expect "and gets the next release" deploys third
  expect "which is live" is three live_file index
}

kills() {
  local pid
  release four
  touch /srv/shop/slow && : >/srv/shop/hooks
  as alice 'serin deploy -a shop --force --detach -m fourth'
  eventually grep -q begin /srv/shop/hooks
  pid=$(main_pid serin-agent)
  kill -9 "$pid"
  expect "an agent that is killed is back" eventually is_other_pid serin-agent "$pid"
  rm /srv/shop/slow
  expect "its hook ended with it and ran again" eventually is "begin 4 begin 4 end 4" hooks
  pid=$(main_pid serin-controller)
  kill -9 "$pid"
  expect "a controller that is killed is back" eventually is_other_pid serin-controller "$pid"
  expect "the deployment ends all the same" eventually nothing_runs
  expect "as released, too" eventually says "released r4 on 1 of 1 hosts" as alice 'serin attach -a shop'
}

watchdog() {
  local unit pid restarts
  short_watchdog serin-controller serin-agent
  eventually connected
  for unit in serin-controller serin-agent; do
    pid=$(main_pid "$unit") restarts=$(property "$unit" NRestarts)
    sleep 5
    expect "$unit feeds its watchdog" is "$pid $restarts" echo "$(main_pid "$unit") $(property "$unit" NRestarts)"
    kill -STOP "$pid"
    expect "$unit that hangs is started again" eventually is_other_pid "$unit" "$pid"
    expect "by the watchdog" says "Watchdog timeout" journalctl -q -b -u "$unit"
  done
  normal_watchdog serin-controller serin-agent
  expect "both are back" eventually connected
}

slots_in_use() {
  local slot i
  slot=$(readlink -f /srv/shop/current)
  systemd-run -q --uid=bob --working-directory="$slot" --unit=old-worker sleep infinity
  for i in five six seven; do
    release "$i"
    deploys "$i" >/dev/null
  done
  expect "a tree in which another's process stands is kept" test -e "$slot/index"
  systemctl stop old-worker
  for i in eight nine; do
    release "$i"
    deploys "$i" >/dev/null
  done
  expect "and goes when nobody does" eventually not test -e "$slot"
}

stops() {
  expect "the sandbox took nothing from the controller" not denials serin-controller
  expect "nor from the agent" not denials serin-agent
  expect "both stop" systemctl stop serin-controller serin-agent
  expect "in good order" is "success success" echo "$(property serin-controller Result) $(property serin-agent Result)"
  expect "the CLI says what is missing" says "start it with \`systemctl start serin-controller\`" as alice 'serin status -a shop'
  expect "what is live stays live" is nine live_file index
}

first_part() {
  systemd-sysusers
  useradd --create-home alice && chmod 755 /home/alice && usermod -a -G serin-operators alice
  useradd bob
  useradd --system --create-home --home-dir /var/lib/shop shop
  without_configuration
  write_configuration
  first_start
  who_may
  what_a_release_is
  restarts
  kills
  watchdog
  slots_in_use
  stops
}

# After a reboot: all by itself.
second_part() {
  expect "after a boot the controller runs" eventually systemctl is-active serin-controller
  expect "and the agent" eventually systemctl is-active serin-agent
  expect "the host is there" eventually connected
  expect "on its release" is nine live_file index
  release ten
  expect "and gets the next one" deploys tenth
  expect "which is live" is ten live_file index
}

"$(cat /root/part)_part"
must_be_well
touch /root/passed
