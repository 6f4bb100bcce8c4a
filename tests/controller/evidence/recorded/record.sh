#!/usr/bin/env bash
# Records what a real server answers to the requests of logstash_recorded_test.cc: README.md.
#
#   tests/controller/evidence/recorded/record.sh BIN opensearch|elasticsearch7|elasticsearch8|elasticsearch9
kind=${2:?which server}
here=$(cd "$(dirname "$0")" && pwd)/$kind
mkdir -p "$here"
SERIN_BIN=${1:?folder with evidence_test}
SERIN_SOURCE=$(cd "$here/../../../../.." && pwd)
# shellcheck source=tests/system/lib.sh
. "$SERIN_SOURCE/tests/system/lib.sh"
# shellcheck source=tests/system/search_server.sh
. "$SERIN_SOURCE/tests/system/search_server.sh"
mkdir -p "$FLEET/log" "$FLEET/requests"
SERIN_WRITE_REQUESTS=$FLEET/requests "$SERIN_BIN/evidence_test" --gtest_filter='*LogstashRecorded.answers_are*' >/dev/null
search_start "$kind"

send() { curl -fsS -H 'Content-Type: application/json' -X "$1" "$SEARCH_URL$2" --data-binary @- >"$FLEET/log/answer"; }
mapping() {
  printf '{"settings": {"number_of_replicas": 0, "requests.cache.enable": false}, "mappings": {"properties": {"host": {"properties": {"name": {"type": "%s"}}},
    "@timestamp": {"type": "date"}, "service": {"type": "keyword"}, "level": {"type": "keyword"},
    "message": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}}}}' "$1"
}
mapping keyword | send PUT /logstash-2023.11.14
mapping keyword | send PUT /mixed-1
mapping text | send PUT /mixed-2
mapping text | send PUT /text-1
mapping keyword | send PUT /closed-1

# The controller's second 1000 is 1,700,000,000.123 in questions.h.
python3 - <<'END' | send POST '/_bulk?refresh=true'
import json

def document(second, host, level="INFO", message="GET /", service="shop", index="logstash-2023.11.14"):
    time = round((1_700_000_000.123 + second - 1000) * 1000)
    fields = {"@timestamp": time, "service": service, "level": level, "message": message}
    if host:
        fields["host"] = {"name": host}
    print(json.dumps({"index": {"_index": index}}))
    print(json.dumps(fields))

for i in range(20):
    document(900 + i * 0.4, "web-01", "ERROR" if i == 7 else "INFO")
for i in range(4):
    document(950 + i * 2, "web-01")
for message, level in [("boom", "ERROR"), ("boom", "ERROR"), ("bang", "FATAL")] + [("GET /", "INFO")] * 4:
    document(1013.5, "web-02", level, message)
document(1027.877, "web-02")
document(1029, "db")
document(1015, None)
document(1015, "web-02", "ERROR", service="mail")
document(1015, "web-01", "ERROR", service="mail")
for index in ["mixed-1", "mixed-2", "text-1", "closed-1"]:
    document(1013.5, "web-02", "ERROR", index=index)
END
send POST /closed-1/_close </dev/null

ask() { curl -sS -m 10 -o "$FLEET/log/answer" -w '%{http_code}' "${arguments[@]}" "$SEARCH_URL$path"; }
for request in "$FLEET"/requests/*; do
  { read -r method path && read -r body; } <"$request" || true
  arguments=(-X "$method")
  [ -z "$body" ] || arguments+=(-H 'Content-Type: application/json' --data-binary "$body")
  status=$(ask)
  # The server looks at a clock that advances every 200 ms: until one of these tries meets it.
  case $request in
    */timed-out-*)
      for ((tries = 0; tries < 5000; tries++)); do
        if grep -q '"timed_out":true' "$FLEET/log/answer"; then break; fi
        status=$(ask)
      done
      ;;
  esac
  { cat "$request" && echo "$status" && cat "$FLEET/log/answer" && echo; } >"$here/$(basename "$request")"
done
