#!/usr/bin/env python3
"""Runs the tests room by room and says how long each took, against the budget the Makefile gives it.

    tools/rooms.py mail=20 smtp=60 ...       seconds per room; `build` and `docs` are rooms too
    tools/rooms.py --only smtp,wire ...      these rooms alone
    tools/rooms.py --long ...                as `make long` runs them: every test is named when it has ended

With cargo-nextest where it is installed, else the test programs one after the other. Ends with 1 where a test failed;
a room over its budget is a warning: measure, then move what exceeds it to `make long`, smaller but never zero here.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_BUDGET = 30


def metadata():
    text = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
    return json.loads(text)["packages"]


class Nextest:
    """One process per test; knows the rooms by a filter, so that all of them share one build."""

    def __init__(self, profile):
        self.run = ["cargo", "nextest", "run", "--workspace", "--profile", profile]

    def build(self):
        return run([*self.run, "--no-run"])

    def room(self, name):
        return run([*self.run, "--no-tests", "pass", "-E", f"package(={name})"])


class Plain:
    """The test programs that `cargo test` would run."""

    def __init__(self):
        self.programs = {}

    def build(self):
        command = ["cargo", "test", "--workspace", "--lib", "--bins", "--tests", "--no-run", "--message-format", "json"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for line in done.stdout.splitlines():
            message = json.loads(line)
            if message.get("reason") == "compiler-message":
                print(message["message"].get("rendered") or "", end="", file=sys.stderr)
            if message.get("executable") and message.get("profile", {}).get("test"):
                folder = str(Path(message["manifest_path"]).parent)
                self.programs.setdefault(folder, []).append(message["executable"])
        return done.returncode

    def room(self, name):
        folder = next(str(Path(p["manifest_path"]).parent) for p in metadata() if p["name"] == name)
        worst = 0
        for program in self.programs.get(folder, []):
            environment = dict(os.environ, CARGO_MANIFEST_DIR=folder)
            worst = max(worst, run([program], cwd=folder, env=environment))
        return worst


class Tally:
    """How many tests the runners said had passed and failed."""

    # `12 tests run: 11 passed, 1 failed` of nextest, `test result: ok. 11 passed; 1 failed` of `cargo test`.
    CLOSING = re.compile(r"(?:tests? run:|test result: \w+\.) (\d+) passed(?:[^,;]*[,;] (\d+) failed)?")

    def __init__(self):
        self.passed = self.failed = 0

    def hear(self, line):
        closing = self.CLOSING.search(line)
        if closing:
            self.passed += int(closing[1])
            self.failed += int(closing[2] or 0)


TALLY = Tally()


def run(command, **options):
    """Runs a command, shows what it says, and counts the tests it tells of."""
    options.setdefault("cwd", ROOT)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    for line in process.stdout:
        print(line, end="", flush=True)
        TALLY.hear(line)
    return process.wait()


def timed(action, *arguments):
    began = time.monotonic()
    status = action(*arguments)
    return status, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rooms, parted by commas")
    parser.add_argument("--long", action="store_true", help="with the patience of `make long`")
    parser.add_argument("budgets", nargs="*", metavar="ROOM=SECONDS")
    arguments = parser.parse_args()
    budgets = {room: float(seconds) for room, seconds in (pair.split("=") for pair in arguments.budgets)}
    only = set(filter(None, arguments.only.split(",")))

    profile = "long" if arguments.long else "default"
    tester = Nextest(profile) if shutil.which("cargo-nextest") else Plain()
    rows = []

    def measure(room, action, *args):
        print(f"== {room}", flush=True)
        status, seconds = timed(action, *args)
        rows.append((room, seconds, budgets.get(room), status))
        return status

    if measure("build", tester.build) == 0:
        packages = sorted(metadata(), key=lambda package: package["name"])
        for package in packages:
            if not only or package["name"] in only:
                measure(package["name"], tester.room, package["name"])
        if not only or "docs" in only:
            measure("docs", run, ["cargo", "test", "--workspace", "--doc", "--quiet"])

    print("\nroom          measured   budget")
    for room, seconds, budget, status in rows:
        verdict = "FAILED" if status else ""
        if budget is None:
            budget, verdict = DEFAULT_BUDGET, verdict or "no budget of its own in the Makefile"
        if seconds > budget and not status:
            verdict = "over budget"
            print(f"warning: {room} took {seconds:.0f} s, its budget is {budget:.0f} s", file=sys.stderr)
        print(f"{room:<12} {seconds:8.1f} s {budget:6.0f} s  {verdict}")
    print(f"{'together':<12} {sum(row[1] for row in rows):8.1f} s")
    print(f"\n{TALLY.passed} passed, {TALLY.failed} failed", flush=True)
    return 1 if any(status for *_, status in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
