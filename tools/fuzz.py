#!/usr/bin/env python3
"""Fuzzes with libFuzzer, target by target, on stable Rust: what reaches new code is kept and changed further.

    tools/fuzz.py                          every target, a minute each
    tools/fuzz.py --time 600 --target server,spool-damage

Builds `fuzz/guided` once, with the compiler's coverage pass switched on for everything (needs a C++ compiler, for
libFuzzer itself; nothing else is installed). Begins with the committed corpus; what it learns stays in
target/fuzz/corpus, so that the next run goes on from there. Where an input fails, it is left in target/fuzz/found, and
the way to run it again is printed: put it into fuzz/corpus/TARGET under a name that says what was wrong, and
`cargo test -p fuzz` meets it for ever. Ends with 1 where anything was found.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUIDED = ROOT / "fuzz" / "guided"
WORK = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "fuzz"

# What `cargo fuzz` would pass. The sanitizers it could add look for faults of memory, which safe Rust has not.
COVERAGE = [
    "--cfg", "fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
]
# Bounds on one input: seconds, and memory of the whole process and of one request for it.
TIMEOUT_S = 20
RSS_MB = 2048
MALLOC_MB = 256


def targets():
    """The targets' names and their longest inputs, as the crate lists them."""
    text = (ROOT / "fuzz" / "src" / "lib.rs").read_text()
    found = re.findall(r'name: "([a-z-]+)".*?octets_max: ([0-9_]+)', text, re.DOTALL)
    return {name: int(octets.replace("_", "")) for name, octets in found}


def host():
    told = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.search(r"host: (\S+)", told)[1]


def build():
    """Builds the program. With a target given, build scripts do without the flags."""
    if not (shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")):
        sys.exit("fuzz: libFuzzer needs a C++ compiler: apt-get install g++")
    environment = dict(os.environ, CARGO_ENCODED_RUSTFLAGS="\x1f".join(COVERAGE), CARGO_TARGET_DIR=str(WORK / "build"))
    # The house's own versions; what only libFuzzer needs is added to them.
    shutil.copyfile(ROOT / "Cargo.lock", GUIDED / "Cargo.lock")
    command = ["cargo", "build", "--release", "--target", host()]
    subprocess.run(command, cwd=GUIDED, env=environment, check=True)
    return WORK / "build" / host() / "release" / "guided"


def words(name):
    """libFuzzer's dictionary of a target: the words the crate lists for it, read by their literals."""
    source = ROOT / "fuzz" / "src" / f"{name.split('-')[0]}.rs"
    listed = re.search(r"WORDS: &\[&\[u8\]\] = &\[(.*?)\];", source.read_text(), re.DOTALL)
    lines = []
    for literal in re.findall(r'b"((?:[^"\\]|\\.)*)"', listed[1] if listed else ""):
        octets = literal.encode().decode("unicode_escape").encode("latin-1")
        lines.append('"' + "".join(f"\\x{octet:02x}" for octet in octets) + '"')
    path = WORK / f"{name}.dict"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(program, name, seconds, octets_max):
    """Fuzzes one target; gives whether something was found."""
    learned, found = WORK / "corpus" / name, WORK / "found"
    learned.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    command = [
        str(program), str(learned), str(ROOT / "fuzz" / "corpus" / name),
        f"-max_total_time={seconds}", f"-max_len={octets_max}", f"-timeout={TIMEOUT_S}",
        f"-rss_limit_mb={RSS_MB}", f"-malloc_limit_mb={MALLOC_MB}", f"-artifact_prefix={found}/{name}-",
        f"-dict={words(name)}", "-print_final_stats=1", "-verbosity=1",
    ]
    done = subprocess.run(
        command, env=dict(os.environ, FUZZ_TARGET=name), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    text = done.stdout.decode(errors="replace")
    runs = re.search(r"number_of_executed_units: (\d+)", text)
    covered = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text)
    edges, features, inputs = covered[-1] if covered else ("-", "-", "-")
    print(f"{name:<14} {runs[1] if runs else '-':>9} runs {edges:>6} edges {features:>7} features {inputs:>6} inputs"
          f"  {'FOUND' if done.returncode else 'nothing found'}", flush=True)
    if done.returncode:
        print(text[-6000:])
        print(f"again: FUZZ_TARGET={name} {program} {found}/{name}-...")
    return done.returncode != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--time", type=int, default=60, metavar="SECONDS", help="for each target")
    parser.add_argument("--target", default="", metavar="NAMES", help="these alone, parted by commas")
    arguments = parser.parse_args()
    known = targets()
    wanted = list(filter(None, arguments.target.split(","))) or list(known)
    strangers = [name for name in wanted if name not in known]
    if strangers:
        sys.exit(f"fuzz: no target {', '.join(strangers)}; there are {', '.join(known)}")
    program = build()
    found = [name for name in wanted if run(program, name, arguments.time, known[name])]
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
