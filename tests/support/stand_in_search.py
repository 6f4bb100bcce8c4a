#!/usr/bin/env python3
"""A stand-in for Elasticsearch where none can be had: stand_in_search.py PORT

Keeps documents in memory (POST /_bulk), answers the aggregations that Serin asks for (POST /INDEX/_search), and forgets an
index (DELETE /INDEX). Anything else is refused, so that a request of another form fails here as it would there.
"""

import datetime
import fnmatch
import json
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INDICES = {}
LOCK = threading.Lock()


def millis(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def value(document, field):
    return document.get(field.removesuffix(".keyword"))


def matches(document, query):
    ((kind, body),) = query.items()
    if kind == "bool":
        if not all(matches(document, part) for part in body.get("filter", [])):
            return False
        if any(matches(document, part) for part in body.get("must_not", [])):
            return False
        should = body.get("should", [])
        return not should or any(matches(document, part) for part in should)
    if kind == "terms":
        ((field, values),) = body.items()
        return value(document, field) in values
    if kind == "range":
        ((field, bounds),) = body.items()
        assert bounds["format"] == "epoch_millis"
        return bounds["gte"] <= value(document, field) < bounds["lt"]
    raise ValueError(f"query {kind}")


def interval_ms(text):
    return int(text.removesuffix("s")) * 1000


def aggregate(documents, aggregations):
    return {name: one_aggregation(documents, dict(body)) for name, body in aggregations.items()}


def bucketed(documents, below):
    return {"doc_count": len(documents), **aggregate(documents, below)}


def one_aggregation(documents, body):
    below = body.pop("aggs", {})
    ((kind, what),) = body.items()
    if kind == "filter":
        return bucketed([at for at in documents if matches(at, what)], below)
    if kind == "missing":
        return bucketed([at for at in documents if value(at, what["field"]) is None], below)
    if kind == "max":
        times = [value(at, what["field"]) for at in documents]
        return {"value": float(max(times)) if times else None}
    if kind == "terms":
        groups = {}
        for at in documents:
            if (key := value(at, what["field"])) is not None:
                groups.setdefault(key, []).append(at)
        ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
        kept, rest = ordered[: what["size"]], ordered[what["size"] :]
        return {
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": sum(len(group) for _, group in rest),
            "buckets": [{"key": key, **bucketed(group, below)} for key, group in kept],
        }
    if kind == "date_histogram":
        step, offset = interval_ms(what["fixed_interval"]), int(what["offset"].removesuffix("ms"))
        groups = {}
        for at in documents:
            time = value(at, what["field"])
            groups.setdefault((time - offset) // step * step + offset, []).append(at)
        return {"buckets": [{"key": key, **bucketed(groups[key], below)} for key in sorted(groups)]}
    raise ValueError(f"aggregation {kind}")


def search(pattern, body):
    with LOCK:
        names = [name for name in INDICES if fnmatch.fnmatch(name, pattern)]
        documents = [at for name in names for at in INDICES[name]]
    found = [at for at in documents if matches(at, body["query"])]
    answer = {
        "took": 1,
        "timed_out": False,
        "_shards": {"total": len(names), "successful": len(names), "skipped": 0, "failed": 0},
        "hits": {"total": {"value": len(found), "relation": "eq"}, "max_score": None, "hits": []},
    }
    if "aggs" in body:
        answer["aggregations"] = aggregate(found, body["aggs"])
    return answer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self):
        path, _, query = self.path.partition("?fields=")
        if not path.endswith("/_field_caps"):
            return self.answer(200, {"version": {"number": "8.0.0"}})
        with LOCK:
            names = [name for name in INDICES if fnmatch.fnmatch(name, path[1:].removesuffix("/_field_caps"))]
            known = {field for name in names for at in INDICES[name][-100:] for field in at}
        fields = [field for field in urllib.parse.unquote(query).split(",") if field.removesuffix(".keyword") in known]
        types = {field: "date" if field == "@timestamp" else "keyword" for field in fields}
        types.update({field: "text" for field in fields if field in ("level", "host", "service", "message")})
        self.answer(200, {"indices": names, "fields": {f: {t: {"type": t}} for f, t in types.items()}})

    def do_POST(self):
        path, body = self.path.split("?")[0], self.body()
        if path == "/_bulk":
            lines = [json.loads(line) for line in body.splitlines() if line]
            with LOCK:
                for action, document in zip(lines[::2], lines[1::2]):
                    document["@timestamp"] = millis(document["@timestamp"])
                    INDICES.setdefault(action["index"]["_index"], []).append(document)
            return self.answer(200, {"errors": False})
        if path.endswith("/_search"):
            return self.answer(200, search(path[1:].removesuffix("/_search"), json.loads(body)))
        self.answer(400, {"error": "not known here", "status": 400})

    def do_DELETE(self):
        with LOCK:
            for name in [name for name in INDICES if fnmatch.fnmatch(name, self.path[1:])]:
                del INDICES[name]
        self.answer(200, {"acknowledged": True})

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
