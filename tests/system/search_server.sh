# shellcheck shell=bash
# A server that speaks Elasticsearch's `_search`, for system tests and the demo; sourced after fleet.sh.
#
#   search_start stand-in|opensearch   on loopback; $SEARCH_URL. "opensearch": a real one, fetched from Maven Central
#                                      (never kept in the source tree); exits with 77 and the reason where none can be had
#   ship_logs                          the hosts' app.log become documents, as Logstash writes them; $SHIPPER_PID
#   search_stop                        kills the server
#
# OpenSearch 2 runs on Java 17. Its zip is fetched once for each user, by Maven, into Maven's own folder.
OPENSEARCH_VERSION=2.19.6
SEARCH_PID='' SHIPPER_PID=''

skip() {
  echo "SKIPPED: $*"
  exit 77
}

search_stop() {
  if [ -n "$SEARCH_PID" ]; then
    kill -KILL "$SEARCH_PID" 2>/dev/null || true
    wait "$SEARCH_PID" 2>/dev/null || true
  fi
  SEARCH_PID=''
}
search_end() {
  if [ -n "$SHIPPER_PID" ]; then
    kill "$SHIPPER_PID" 2>/dev/null
    wait "$SHIPPER_PID" 2>/dev/null
  fi
  search_stop
}
at_end search_end

search_answers() { curl -fsS -m 2 "$SEARCH_URL/"; }

# Unpacked under $FLEET, for a user that is not root: OpenSearch refuses to be root.
opensearch_prepare() {
  local java major
  java=$(command -v java) || skip "no Java here: OpenSearch $OPENSEARCH_VERSION runs on Java 17"
  major=$("$java" -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p')
  ((major >= 11)) || skip "Java $major here: OpenSearch $OPENSEARCH_VERSION wants 11 or newer"
  command -v mvn >/dev/null || skip "no Maven here to fetch OpenSearch with"
  timeout 120 mvn -q -B dependency:copy "-DoutputDirectory=$FLEET/opensearch" \
    "-Dartifact=org.opensearch.distribution.integ-test-zip:opensearch:$OPENSEARCH_VERSION:zip" >"$FLEET/log/mvn.log" 2>&1 ||
    skip "Maven cannot fetch OpenSearch $OPENSEARCH_VERSION: $(tail -n 1 "$FLEET/log/mvn.log")"
  (cd "$FLEET/opensearch" && python3 -m zipfile -e "opensearch-$OPENSEARCH_VERSION.zip" . && rm ./*.zip)
  JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$java")")")
}

opensearch_run() {
  local home=$FLEET/opensearch/opensearch-$OPENSEARCH_VERSION port=$1 as=()
  cat >"$home/config/opensearch.yml" <<END
cluster.name: serin-test
network.host: 127.0.0.1
http.port: $port
transport.port: $((port + 1))
discovery.type: single-node
END
  if [ "$(id -u)" = 0 ]; then
    chown -R 65534:65534 "$FLEET/opensearch"
    chmod 755 "$FLEET"
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  fi
  exec "${as[@]}" env -i HOME=/tmp PATH="$PATH" JAVA_HOME="$JAVA_HOME" OPENSEARCH_JAVA_OPTS="-Xms512m -Xmx512m" \
    bash "$home/bin/opensearch"
}

search_start() {
  local kind=$1 port
  port=${SEARCH_URL:-}
  port=${port##*:}
  [ -n "$port" ] || port=$(fleet_pick_ports)
  SEARCH_URL=http://127.0.0.1:$port
  if [ "$kind" = opensearch ]; then
    [ -d "$FLEET/opensearch" ] || opensearch_prepare
    opensearch_run "$port" >>"$FLEET/log/search.log" 2>&1 &
  else
    python3 "$SERIN_SOURCE/tests/support/stand_in_search.py" "$port" >>"$FLEET/log/search.log" 2>&1 &
  fi
  SEARCH_PID=$!
  wait_until 900 search_answers
}

ship_logs() {
  python3 "$SERIN_SOURCE/tests/support/log_shipper.py" "$SEARCH_URL" "$FLEET/hosts" >>"$FLEET/log/shipper.log" 2>&1 &
  SHIPPER_PID=$!
}
