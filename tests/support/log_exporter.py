#!/usr/bin/env python3
"""An exporter of counters as applications have them: log_exporter.py PORT FOLDER

/web-01 counts the lines of FOLDER/web-01/app.log since the "process" began, which is when the live link last changed: a
deployment resets the counters. The counter of errors appears with the first error.
"""

import os
import pathlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = pathlib.Path(sys.argv[2])
begun = {}


def metrics(host):
    lines = (folder / host / "app.log").read_text(errors="replace").splitlines()
    live = os.readlink(folder / host / "live") if (folder / host / "live").is_symlink() else ""
    if begun.get(host, ("", 0))[0] != live:
        begun[host] = (live, len(lines))
    lines = lines[begun[host][1] :]
    errors = sum(line.startswith("ERROR") for line in lines)
    text = f'# TYPE http_requests_total counter\nhttp_requests_total{{code="200"}} {len(lines) - errors}\n'
    if errors:
        text += f'http_requests_total{{code="500"}} {errors}\n'
    return text


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = metrics(self.path.strip("/")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
