#!/usr/bin/env python3
"""Checks who imports whom, and what the whole tree is built from.

The table below is the picture in ARCHITECTURE.md, as a program can read it. A new arrow, or a new crate from outside
in a pure room, belongs first into that picture, with its reason.

    tools/arrows.py            check the workspace around this file
    tools/arrows.py --test     check this check
"""

import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Who may import whom. A room that is not built yet is simply absent from the workspace.
ARROWS = {
    "mail": "",
    "world": "",
    "smtp": "mail",
    "policy": "mail",
    "wire": "mail smtp world",
    "dns": "mail world",
    "spool": "mail policy world",
    "evidence": "mail dns world",
    "ledger": "mail policy world",
    "admission": "mail policy spool evidence ledger world",
    "registry": "mail policy dns world",
    "inbound": "mail smtp wire policy dns evidence admission world",
    "outbound": "mail smtp wire policy dns evidence admission ledger spool world",
    "cutover": "mail dns registry world",
    "watch": "mail smtp wire dns policy registry ledger spool world",
    "portal": "mail policy registry ledger cutover watch admission spool",
}
# These may import every room; nobody may import them.
ROOFS = {"portcullis", "sim", "bench", "fuzz"}
# Of these, the ones that look at the house from outside; they may also look at the binary's own room.
OUTSIDE = ROOFS - {"portcullis"}
# Tests of a room may also use these.
FOR_TESTS = {"world"}
# Rooms whose functions are values in, values out: what they may take from outside.
PURE = {
    "mail": {"idna", "memchr", "jiff", "serde", "base64", "bytes", "thiserror", "zeroize"},
    "smtp": {"bytes", "memchr", "base64", "zeroize", "thiserror"},
    "policy": {"ipnet", "prefix-trie", "thiserror", "serde"},
}
# Errors without a closed list of causes are for the binary.
ONLY_IN_ROOFS = {"anyhow", "clap", "tracing-subscriber", "mimalloc"}

# One cryptographic backend: what must not be in the tree at all, and what must be there in one version.
FORBIDDEN = {"ring", "openssl", "openssl-sys", "rsa", "native-tls", "boring", "aws-lc-fips-sys"}
SINGLE = {"aws-lc-rs", "aws-lc-sys", "rustls", "tokio", "hyper"}
LICENCES = {
    "MIT", "MIT-0", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib",
    "0BSD", "CC0-1.0", "Unlicense", "Unicode-3.0", "CDLA-Permissive-2.0",
}


def arrows_against_the_table(packages):
    """What is wrong with the packages of the workspace (as `cargo metadata` lists them)."""
    rooms = {package["name"] for package in packages}
    for package in packages:
        name = package["name"]
        if name not in ARROWS and name not in ROOFS:
            yield f"{name}: a room that the picture does not show; draw it first"
            continue
        if name in ROOFS:
            allowed = rooms - (OUTSIDE if name in OUTSIDE else ROOFS)
        else:
            allowed = set(ARROWS[name].split())
        for dependency in package["dependencies"]:
            target, kind = dependency["name"], dependency["kind"]
            if target in rooms:
                for_tests = kind == "dev" and (target in FOR_TESTS or target == name)
                if target not in allowed and not for_tests:
                    yield f"{name} -> {target}: this arrow is not in the picture"
            elif kind != "dev":
                if name in PURE and target not in PURE[name]:
                    yield f"{name} -> {target}: {name} is pure; it may take only {', '.join(sorted(PURE[name]))}"
                if target in ONLY_IN_ROOFS and name not in ROOFS:
                    yield f"{name} -> {target}: only for {', '.join(sorted(ROOFS))}"


def tree_against_the_lists(crates):
    """What is wrong with the crates that are compiled: pairs of (name, version) to licence expression."""
    versions = {}
    for (name, version), licence in sorted(crates.items()):
        versions.setdefault(name, set()).add(version)
        if name in FORBIDDEN:
            yield f"{name} {version}: must not be in the tree; find who brings it with `cargo tree -i {name}`"
        if not licence_is_allowed(licence):
            yield f"{name} {version}: licence `{licence}` is not on our list"
    for name in sorted(SINGLE):
        if len(versions.get(name, ())) > 1:
            yield f"{name}: several versions ({', '.join(sorted(versions[name]))}); one must do"


def lint_files_against_the_root(root, rooms):
    """Clippy reads the nearest clippy.toml alone, so that of a room repeats the lines of the workspace."""
    lines = [line for line in root.splitlines() if line.strip()]
    for name, text in sorted(rooms.items()):
        for line in lines:
            if line not in text.splitlines():
                yield f"{name}/clippy.toml: repeat the line `{line}` of the workspace's"


def licence_is_allowed(expression):
    """Whether an SPDX expression can be fulfilled with allowed licences alone."""
    tokens = re.findall(r"\(|\)|\bAND\b|\bOR\b|[^()\s]+", expression.replace("/", " OR "))

    def either(at):
        value, at = both(at)
        while at < len(tokens) and tokens[at] == "OR":
            other, at = both(at + 1)
            value = value or other
        return value, at

    def both(at):
        value, at = one(at)
        while at < len(tokens) and tokens[at] == "AND":
            other, at = one(at + 1)
            value = value and other
        return value, at

    def one(at):
        if tokens[at] == "(":
            value, at = either(at + 1)
            return value, at + 1
        words = [tokens[at]]
        at += 1
        if at < len(tokens) and tokens[at] == "WITH":
            words += tokens[at : at + 2]
            at += 2
        return " ".join(words) in LICENCES, at

    return bool(tokens) and either(0)[0]


def cargo(*arguments):
    done = subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def crates_of_the_tree():
    """Crates that are really compiled; `cargo metadata` also lists what no feature asks for."""
    lines = cargo("tree", "--workspace", "-e", "normal,build,dev", "--prefix", "none", "-f", "{p}\t{l}").splitlines()
    crates = {}
    for line in lines:
        if "\t" in line:
            package, licence = line.split("\t")
            name, version = package.split()[:2]
            crates[(name, version)] = licence.removesuffix(" (*)").strip()
    return crates


def main():
    packages = json.loads(cargo("metadata", "--format-version", "1", "--no-deps"))["packages"]
    lints = {path.parent.name: path.read_text() for path in ROOT.glob("crates/*/clippy.toml")}
    wrong = [
        *arrows_against_the_table(packages),
        *tree_against_the_lists(crates_of_the_tree()),
        *lint_files_against_the_root((ROOT / "clippy.toml").read_text(), lints),
    ]
    for sentence in wrong:
        print(f"arrows: {sentence}", file=sys.stderr)
    if wrong:
        return 1
    print(f"arrows: {len(packages)} rooms, all arrows as drawn; licences and cryptography as listed")
    return 0


class TheCheckItself(unittest.TestCase):
    @staticmethod
    def wrong(name, *dependencies):
        rooms = [{"name": room, "dependencies": []} for room in (*ARROWS, *ROOFS) if room != name]
        listed = [{"name": target, "kind": kind} for target, kind in dependencies]
        return list(arrows_against_the_table([*rooms, {"name": name, "dependencies": listed}]))

    def test_an_arrow_that_is_drawn_passes(self):
        self.assertEqual(self.wrong("wire", ("mail", None), ("smtp", None), ("tokio", None)), [])
        self.assertEqual(self.wrong("portcullis", ("spool", None), ("anyhow", None)), [])
        self.assertEqual(self.wrong("mail", ("world", "dev"), ("proptest", "dev")), [])
        self.assertEqual(self.wrong("fuzz", ("portcullis", None), ("smtp", None)), [])

    def test_an_arrow_that_is_not_drawn_is_named(self):
        for room, target in [("inbound", "outbound"), ("inbound", "spool"), ("mail", "smtp"), ("wire", "policy")]:
            self.assertEqual(len(self.wrong(room, (target, None))), 1, (room, target))
        self.assertEqual(len(self.wrong("inbound", ("spool", "dev"))), 1)
        self.assertEqual(len(self.wrong("wire", ("portcullis", None))), 1)
        self.assertEqual(len(self.wrong("portcullis", ("fuzz", None))), 1)
        self.assertEqual(len(self.wrong("cellar")), 1)

    def test_pure_rooms_take_nothing_that_acts(self):
        for room in PURE:
            for target in ("tokio", "rand", "tracing", "rustix"):
                self.assertEqual(len(self.wrong(room, (target, None))), 1, (room, target))
        self.assertEqual(len(self.wrong("spool", ("anyhow", None))), 1)

    def test_the_table_has_no_circle(self):
        def below(room, seen):
            self.assertNotIn(room, seen)
            for target in ARROWS[room].split():
                below(target, seen | {room})

        for room in ARROWS:
            below(room, frozenset())

    def test_licences_and_backends(self):
        self.assertTrue(licence_is_allowed("ISC AND (Apache-2.0 OR ISC) AND BSD-3-Clause"))
        self.assertTrue(licence_is_allowed("GPL-3.0 OR MIT"))
        self.assertTrue(licence_is_allowed("Apache-2.0 WITH LLVM-exception OR GPL-2.0"))
        self.assertTrue(licence_is_allowed("MIT/Apache-2.0"))
        self.assertFalse(licence_is_allowed("MIT AND GPL-3.0"))
        self.assertFalse(licence_is_allowed(""))
        self.assertEqual(len(list(tree_against_the_lists({("ring", "v0.17.14"): "ISC"}))), 1)
        twice = {("rustls", "v0.23.1"): "MIT", ("rustls", "v0.24.0"): "MIT"}
        self.assertEqual(len(list(tree_against_the_lists(twice))), 1)

    def test_the_lints_of_a_room_repeat_those_of_the_workspace(self):
        root = "a = true\nb = true\n"
        self.assertEqual(list(lint_files_against_the_root(root, {"mail": root + "c = []\n"})), [])
        self.assertEqual(len(list(lint_files_against_the_root(root, {"mail": "a = true\n"}))), 1)


if __name__ == "__main__":
    if "--test" in sys.argv:
        unittest.main(argv=sys.argv[:1])
    sys.exit(main())
