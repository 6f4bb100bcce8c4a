# shellcheck shell=bash
# A server that speaks Elasticsearch's `_search`, for system tests and the demo; sourced after fleet.sh.
#
#   search_start KIND   on loopback; $SEARCH_URL. stand-in, or a real one, fetched from Maven Central (never kept in the source
#                       tree): opensearch, elasticsearch7, elasticsearch8, elasticsearch9; exits with 77 and the reason where it
#                       cannot be had
#   ship_logs           the hosts' app.log become documents, as Logstash writes them; $SHIPPER_PID
#   search_stop         kills the server
#
# A zip is fetched once for each user, by Maven, into Maven's own folder.
SEARCH_PID='' SHIPPER_PID=''

skip() {
  echo "SKIPPED: $*"
  exit 77
}

# Each server is a session of its own: Elasticsearch 8 is a process that starts another one.
search_stop() {
  if [ -n "$SEARCH_PID" ]; then
    kill -KILL -- "-$SEARCH_PID" 2>/dev/null || true
    wait "$SEARCH_PID" 2>/dev/null || true
  fi
  SEARCH_PID=''
}
search_end() {
  if [ -n "$SHIPPER_PID" ]; then
    kill -KILL "$SHIPPER_PID" 2>/dev/null # it may be stopped, and would not hear of less
    wait "$SHIPPER_PID" 2>/dev/null
  fi
  search_stop
}
at_end search_end

search_answers() { curl -fsS -m 2 "$SEARCH_URL/_cluster/health"; }

# Sets $SEARCH_NAME, $SEARCH_VERSION, and the oldest Java that runs it.
search_describe() {
  SEARCH_NAME=elasticsearch
  case $1 in
    opensearch) SEARCH_NAME=opensearch SEARCH_VERSION=2.19.6 SEARCH_JAVA=11 ;;
    elasticsearch7) SEARCH_VERSION=7.17.10 SEARCH_JAVA=11 ;;
    elasticsearch8) SEARCH_VERSION=8.15.0 SEARCH_JAVA=17 ;;
    elasticsearch9) SEARCH_VERSION=9.0.0 SEARCH_JAVA=21 ;;
    *) echo "no such server: $1" >&2 && exit 2 ;;
  esac
}

# Unpacked under $FLEET, for a user that is not root: these servers refuse to be root.
search_prepare() {
  local java major artifact=org.$SEARCH_NAME.distribution.integ-test-zip:$SEARCH_NAME:$SEARCH_VERSION:zip
  java=$(command -v java) || skip "no Java here: $SEARCH_NAME $SEARCH_VERSION runs on Java $SEARCH_JAVA"
  major=$("$java" -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p')
  ((major >= SEARCH_JAVA)) || skip "Java $major here: $SEARCH_NAME $SEARCH_VERSION wants $SEARCH_JAVA or newer"
  command -v mvn >/dev/null || skip "no Maven here to fetch $SEARCH_NAME with"
  timeout 120 mvn -q -B dependency:copy "-DoutputDirectory=$FLEET/search" "-Dartifact=$artifact" >"$FLEET/log/mvn.log" 2>&1 ||
    skip "Maven cannot fetch $SEARCH_NAME $SEARCH_VERSION: $(tail -n 1 "$FLEET/log/mvn.log")"
  (cd "$FLEET/search" && python3 -m zipfile -e "$SEARCH_NAME-$SEARCH_VERSION.zip" . && rm ./*.zip)
  SEARCH_JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$java")")")
}

search_run() {
  local home=$FLEET/search/$SEARCH_NAME-$SEARCH_VERSION port=$1 as=() options='-Xms512m -Xmx512m'
  cat >"$home/config/$SEARCH_NAME.yml" <<END
cluster.name: serin-test
network.host: 127.0.0.1
http.port: $port
transport.port: $((port + 1))
discovery.type: single-node
action.destructive_requires_name: false
END
  [ ! -d "$home/modules/x-pack-security" ] || echo "xpack.security.enabled: false" >>"$home/config/$SEARCH_NAME.yml"
  if [ "$(id -u)" = 0 ]; then
    chown -R 65534:65534 "$FLEET/search"
    chmod 755 "$FLEET"
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  fi
  exec setsid "${as[@]}" env -i HOME=/tmp PATH="$PATH" JAVA_HOME="$SEARCH_JAVA_HOME" ES_JAVA_HOME="$SEARCH_JAVA_HOME" \
    OPENSEARCH_JAVA_OPTS="$options" ES_JAVA_OPTS="$options" bash "$home/bin/$SEARCH_NAME"
}

search_start() {
  local kind=$1 port
  port=${SEARCH_URL:-}
  port=${port##*:}
  [ -n "$port" ] || port=$(fleet_pick_ports)
  SEARCH_URL=http://127.0.0.1:$port
  if [ "$kind" = stand-in ]; then
    setsid python3 "$SERIN_SOURCE/tests/support/stand_in_search.py" "$port" >>"$FLEET/log/search.log" 2>&1 &
  else
    search_describe "$kind"
    [ -d "$FLEET/search" ] || search_prepare
    search_run "$port" >>"$FLEET/log/search.log" 2>&1 &
  fi
  SEARCH_PID=$!
  wait_until 900 search_answers
}

ship_logs() {
  python3 "$SERIN_SOURCE/tests/support/log_shipper.py" "$SEARCH_URL" "$FLEET/hosts" >>"$FLEET/log/shipper.log" 2>&1 &
  SHIPPER_PID=$!
}
