#!/usr/bin/env python3
"""Ships log lines as Logstash writes them: log_shipper.py URL FOLDER

Each FOLDER/HOST/app.log that grows becomes documents of the index logstash-DATE, in bulks of half a second. A level is
made of a line's first word, or of the one after its time. A server that is away gets its documents when it is back.
"""

import datetime
import json
import pathlib
import re
import sys
import time
import urllib.request

url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
positions, waiting = {}, []


def read_new():
    now = datetime.datetime.now(datetime.timezone.utc)
    for log in sorted(folder.glob("*/app.log")):
        with log.open("rb") as file:
            file.seek(positions.get(log, 0))
            text = file.read()
        end = text.rfind(b"\n") + 1
        positions[log] = positions.get(log, 0) + end
        for line in text[:end].decode(errors="replace").splitlines():
            document = {
                "@timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "@version": "1",
                "host": log.parent.name + ".example.org",
                "service": "shop",
                "level": "ERROR" if re.match(r"(\d\S+ )?ERROR\b", line) else "INFO",
                "message": line,
            }
            waiting.append(json.dumps({"index": {"_index": f"logstash-{now:%Y.%m.%d}"}}))
            waiting.append(json.dumps(document))


while True:
    read_new()
    if waiting:
        request = urllib.request.Request(
            url + "/_bulk",
            data=("\n".join(waiting) + "\n").encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        try:
            urllib.request.urlopen(request, timeout=2).read()
            waiting.clear()
        except OSError:
            pass
    time.sleep(0.5)
