#!/usr/bin/env python3
"""Writes docs/rfc-index.md: which file cites which section of which RFC.

A citation in a comment reads `RFC 5321 §4.5.3.2`; a deliberate deviation begins its sentence with `Deviation:` and
cites the section it deviates from.

    tools/rfc-index.py            write it
    tools/rfc-index.py --check    say whether it is up to date
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "rfc-index.md"
CITATION = re.compile(r"RFC (\d{3,5})(?: §([\d.]*\d))?")
DEVIATION = re.compile(r"//[/!]?\s*Deviation:\s*(.+)")


def sources():
    listed = subprocess.run(["git", "ls-files", "*.rs"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


def page():
    by_section, deviations = {}, []
    for name in sources():
        text = (ROOT / name).read_text(encoding="utf-8")
        for rfc, section in CITATION.findall(text):
            by_section.setdefault((int(rfc), section), set()).add(name)
        deviations += [(name, found.group(1)) for found in DEVIATION.finditer(text)]
    lines = [
        "# Which file answers to which section",
        "",
        "Written by `make rfc-index`; do not edit. Sections are cited beside the code that fulfils them.",
    ]
    last = None
    for (rfc, section), names in sorted(by_section.items(), key=lambda item: order(*item[0])):
        if rfc != last:
            lines += ["", f"## RFC {rfc}", "", "| section | files |", "|---|---|"]
            last = rfc
        links = ", ".join(f"[{name.removeprefix('crates/')}](../{name})" for name in sorted(names))
        lines.append(f"| {'§' + section if section else 'in general'} | {links} |")
    if deviations:
        lines += ["", "## Deliberate deviations", ""]
        lines += [f"- [{name.removeprefix('crates/')}](../{name}): {sentence}" for name, sentence in deviations]
    return "\n".join(lines) + "\n"


def order(rfc, section):
    return rfc, [int(number) for number in section.split(".") if number]


def main():
    wanted = page()
    if "--check" in sys.argv:
        fresh = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == wanted
        print("rfc-index: up to date" if fresh else "rfc-index: run `make rfc-index`")
        return 0 if fresh else 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
