#!/usr/bin/env python3
"""Finds what does not belong into a project that speaks of itself alone: paths of somebody's machine, private keys,
marks of unfinished work. Reads what git knows.

    tools/words.py
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Patterns are spelt so that they do not find themselves.
PATTERNS = {
    "a path of somebody's machine": re.compile(r"(?<![\w./-])/(?:home|Users|work|root)/[\w.-]+"),
    "a private key": re.compile(r"-----BEGIN (?:\w+ )*PRIVATE KE[Y]-----\s+[A-Za-z0-9+/]{40}"),
    "unfinished work": re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X])\b|\btodo!\(|\bunimplemented!\("),
    "a conflict that was not settled": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
}


def main():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    wrong = 0
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        for what, pattern in PATTERNS.items():
            for found in pattern.finditer(text):
                line = text.count("\n", 0, found.start()) + 1
                print(f"{name}:{line}: {what}: {found.group().strip()[:60]}", file=sys.stderr)
                wrong += 1
    if not wrong:
        print("words: nothing that does not belong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
