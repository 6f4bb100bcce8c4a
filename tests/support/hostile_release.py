#!/usr/bin/env python3
"""Puts a release that no honest controller makes into a controller's state: its objects, and its record, signed with the
controller's own release key, in the database. The controller must not run meanwhile.

usage: hostile_release.py STATE_DIR APPLICATION NUMBER KIND LIVE_ROOT

LIVE_ROOT: what the hosts run, in hexadecimal.
KIND: up            a file named ".."
      absolute      a file named "/etc/cron.d/evil"
      link          a symlink to ../../../etc
      absolute-link a symlink to /etc/passwd
      device        an entry of a kind that is none
      twice         two entries of one name
      entries       1,100,000 entries, of one folder's object named eleven times
      nested        folders in folders without end: each names the next one's object twice, 100 deep
      bomb          a pack whose frames yield 200 GB; the file's object is nowhere else
      bomb-entries  the same in the list of a group's entries
"""

import hashlib
import os
import sqlite3
import struct
import subprocess
import sys
import tempfile

FILE, LINK, FOLDER, DEVICE = 1, 3, 4, 5
NOTHING = bytes(32)


def folder(entries):
    """entries: (kind, size, id, name, target)"""
    parts = [b"serintr1", struct.pack("<I", len(entries))]
    for kind, size, object_id, name, target in entries:
        parts.append(struct.pack("<BqQ", kind, 0, size) + object_id)
        parts.append(struct.pack("<H", len(name)) + name + struct.pack("<H", len(target)) + target)
    return b"".join(parts)


class Store:
    def __init__(self, state_dir):
        self.state_dir = state_dir

    def put(self, content):
        object_id = hashlib.sha256(content).digest()
        name = object_id.hex()
        path = os.path.join(self.state_dir, "objects", name[:2], name[2:])
        if not os.path.exists(path):
            with open(path, "wb") as out:
                out.write(content)
            os.chmod(path, 0o444)
        return object_id

    def get(self, object_id):
        name = object_id.hex()
        with open(os.path.join(self.state_dir, "objects", name[:2], name[2:]), "rb") as file:
            return file.read()


def frame_of(content):
    """A zstd frame of raw blocks."""
    blocks = [content[at : at + 100_000] for at in range(0, len(content), 100_000)]
    out = b"\x28\xb5\x2f\xfd" + b"\xa0" + struct.pack("<I", len(content))
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        out += struct.pack("<I", len(block) << 3 | last)[:3] + block
    return out


def bomb():
    """Frames are at most 9 MiB: here each block of four bytes becomes 128 KiB."""
    block = struct.pack("<I", (128 << 10) << 3 | 1 << 1)[:3] + b"\x00"
    return b"\x28\xb5\x2f\xfd" + b"\x00\x58" + block * 1_600_000


def entry_of(kind, object_id, size):
    return struct.pack("<B", kind) + object_id + struct.pack("<QQIQIH", size, 0, size, 0, 0, 0)


def group(entries, content_bytes, entries_frame, frame):
    head = struct.pack("<5I", len(entries), len(entries_frame), 0, content_bytes, len(frame))
    return head + entries_frame + frame


def write_pack(state_dir, live_root, root, groups):
    start = b"serinpk1" + bytes.fromhex(live_root) + root
    pack = start + b"".join(groups) + bytes(20)
    with open(os.path.join(state_dir, "packs", hashlib.sha256(start).hexdigest()), "wb") as out:
        out.write(pack + hashlib.sha256(pack).digest()[:8])


def tree_of(kind, store):
    """The root's object."""
    evil = store.put(b"evil")
    if kind == "up":
        return folder([(FILE, 4, evil, b"..", b"")])
    if kind == "absolute":
        return folder([(FILE, 4, evil, b"/etc/cron.d/evil", b"")])
    if kind == "link":
        return folder([(LINK, 0, NOTHING, b"link", b"../../../etc")])
    if kind == "absolute-link":
        return folder([(LINK, 0, NOTHING, b"link", b"/etc/passwd")])
    if kind == "device":
        return folder([(DEVICE, 0, NOTHING, b"sda", b"")])
    if kind == "twice":
        return folder([(FILE, 4, evil, b"a", b""), (LINK, 0, NOTHING, b"a", b"b")])
    if kind == "entries":
        many = store.put(folder([(FILE, 4, evil, b"%06d" % i, b"") for i in range(100_000)]))
        return folder([(FOLDER, 0, many, b"%02d" % i, b"") for i in range(11)])
    if kind == "nested":
        inner = folder([(FILE, 4, evil, b"file", b"")])
        for _ in range(100):
            inner = folder([(FOLDER, 0, store.put(inner), name, b"") for name in (b"a", b"b")])
        return inner
    if kind in ("bomb", "bomb-entries"):
        return folder([(FILE, 8 << 20, hashlib.sha256(b"bomb").digest(), kind.encode(), b"")])
    raise SystemExit(__doc__)


def folders_group(folders):
    """folders: their objects' bytes, each after the one that names it"""
    entries = b"".join(entry_of(1, hashlib.sha256(each).digest(), len(each)) for each in folders)
    content = b"".join(folders)
    return group(entries, len(content), frame_of(entries), frame_of(content))


def hostile_pack(kind, root_bytes, store):
    if kind == "nested":
        folders = [root_bytes]
        while folders[-1][12] == FOLDER:
            folders.append(store.get(folders[-1][29:61]))
        return [folders_group(folders)]
    groups = [folders_group([root_bytes])]
    entries = entry_of(2, hashlib.sha256(b"bomb").digest(), 8 << 20)
    if kind == "bomb":
        groups.append(group(entries, 8 << 20, frame_of(entries), bomb()))
    else:
        groups.append(group(entries, 8 << 20, bomb()[: 4 << 20], b"\x00"))
    return groups


def packed(value):
    """msgpack"""
    if isinstance(value, bytes):
        return b"\xc4" + struct.pack(">B", len(value)) + value
    if isinstance(value, str):
        return struct.pack(">B", 0xA0 | len(value)) + value.encode()
    return b"\xcf" + struct.pack(">Q", value)


def sign(state_dir, record):
    with open(os.path.join(state_dir, "keys", "release"), encoding="ascii") as file:
        seed = bytes.fromhex(file.read().strip())
    with tempfile.TemporaryDirectory() as folder_name:
        key, message = os.path.join(folder_name, "key"), os.path.join(folder_name, "message")
        with open(key, "wb") as out:
            out.write(bytes.fromhex("302e020100300506032b657004220420") + seed)
        with open(message, "wb") as out:
            out.write(b"serin-release-v1\x00" + record)
        sign_it = ["openssl", "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", key, "-in", message]
        return subprocess.run(sign_it, check=True, capture_output=True).stdout


def main():
    state_dir, application, number, kind = sys.argv[1:5]
    store = Store(state_dir)
    root_bytes = tree_of(kind, store)
    root = store.put(root_bytes)
    if kind in ("nested", "bomb", "bomb-entries"):
        write_pack(state_dir, sys.argv[5], root, hostile_pack(kind, root_bytes, store))
    fields = {
        "application": application,
        "number": int(number),
        "root": root,
        "parent": 0,
        "author": "mallory",
        "message": kind,
        "created_s": 1,
        "files": 1,
        "bytes": 8 << 20,
    }
    record = struct.pack(">B", 0x80 | len(fields)) + b"".join(packed(k) + packed(v) for k, v in fields.items())
    database = sqlite3.connect(os.path.join(state_dir, "serin.db"))
    trusted = 1
    columns = "application, number, record, signature, trust"
    database.execute(
        f"INSERT INTO release({columns}) VALUES(?,?,?,?,?)",
        (application, int(number), record, sign(state_dir, record), trusted),
    )
    database.commit()
    database.close()


main()
