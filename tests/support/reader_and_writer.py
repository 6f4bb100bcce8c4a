#!/usr/bin/env python3
"""Looks at a live path without rest, as an application would, until it gets SIGTERM.

usage: reader_and_writer.py read LIVE PATH...     every PATH can be opened at any moment
       reader_and_writer.py write LIVE FOLDER     writes uploads 0, 1, 2, ... into LIVE/FOLDER
       reader_and_writer.py check FOLDER COUNT    all uploads up to COUNT are in FOLDER, whole
       reader_and_writer.py whole LIVE...         every file of the tree behind each LIVE begins with the same line

At its end it prints how often it looked or wrote; each failure is a line with "ABSENT", and exit status 1.
"""

import os
import signal
import sys
import time

stopped = False


def stop(_signal, _frame):
    global stopped
    stopped = True


def absent(path, error):
    print(f"ABSENT {path}: {error}", flush=True)
    return 1


def read(live, paths):
    count = failures = 0
    while not stopped:
        for path in paths:
            try:
                with open(os.path.join(live, path), "rb") as file:
                    file.read()
            except OSError as error:
                failures += absent(path, error)
        count += 1
        time.sleep(0.001)
    return count, failures


def first_lines(live):
    """Of all files of the tree that LIVE led to when it was opened, whatever it leads to meanwhile."""
    lines = set()
    root = os.open(live, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for _, _, names, folder in os.fwalk(".", dir_fd=root):
            for name in names:
                with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=folder), "rb") as file:
                    lines.add(file.readline())
    finally:
        os.close(root)
    return lines


def whole(lives):
    count = failures = 0
    while not stopped:
        for live in lives:
            try:
                lines = first_lines(live)
                if len(lines) != 1:
                    failures += absent(live, f"a mixed tree: {sorted(lines)}")
            except OSError as error:
                failures += absent(live, error)
            count += 1
            time.sleep(0.001)
    return count, failures


def write(live, folder):
    count = failures = 0
    while not stopped:
        path = os.path.join(live, folder, str(count))
        try:
            # Held open over the switch: the bytes of an upload come one after the other.
            with open(path, "x", encoding="ascii") as file:
                file.write(f"upload {count}")
                file.flush()
                time.sleep(0.001)
                file.write(" whole\n")
            count += 1
        except OSError as error:
            failures += absent(path, error)
    return count, failures


def check(folder, wanted):
    failures = 0
    for number in range(wanted):
        try:
            with open(os.path.join(folder, str(number)), encoding="ascii") as file:
                if file.read() != f"upload {number} whole\n":
                    failures += absent(number, "torn")
        except OSError as error:
            failures += absent(number, error)
    return wanted, failures


def main():
    signal.signal(signal.SIGTERM, stop)
    what, where, *rest = sys.argv[1:]
    if what == "read":
        count, failures = read(where, rest)
    elif what == "whole":
        count, failures = whole([where, *rest])
    elif what == "write":
        count, failures = write(where, rest[0])
    else:
        count, failures = check(where, int(rest[0]))
    print(count)
    sys.exit(1 if failures else 0)


main()
