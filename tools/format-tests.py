#!/usr/bin/env python3
"""Checks that every test that crates/spool/FORMAT.md names exists, and that every row of its tables names one.

A last column of a table reads `file: ``test```, where `file` is a file in tests/ (or src/, with its ending), or
"the same", which means the row above.
"""

import re
import sys
from pathlib import Path

ROOM = Path(__file__).resolve().parent.parent / "crates/spool"
NAMED = re.compile(r"`?([\w./]+)`?: (`\w+`|the same)")


def source(name):
    """The file that is meant by a name before the colon."""
    places = [ROOM / "tests" / f"{name}.rs", ROOM / "src" / name]
    return next((place for place in places if place.is_file()), None)


def problems(text):
    rows = 0
    in_table = False
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            in_table = False
        elif cells[-1] == "test":
            in_table = True
        elif in_table and not set(cells[-1]) <= set("-"):
            rows += 1
            named = NAMED.findall(cells[-1])
            if not named and cells[-1] != "the same":
                yield f"line {number}: this row names no test"
            for file, test in named:
                yield from missing(number, file, test)
    if rows < 20:
        yield f"only {rows} rows were found; did the tables change their form?"


def missing(number, file, test):
    path = source(file)
    if path is None:
        yield f"line {number}: there is no {file}"
    elif test != "the same" and not re.search(rf"^\s*(async )?fn {test.strip('`')}\(", path.read_text(), re.M):
        yield f"line {number}: {path.relative_to(ROOM)} has no test {test}"


def main():
    found = list(problems((ROOM / "FORMAT.md").read_text()))
    for problem in found:
        print(f"FORMAT.md: {problem}", file=sys.stderr)
    if not found:
        print("format-tests: every row names a test that exists")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
