#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Do the documents name what the code has, and nothing that it has not?

Usage: check_docs.py ROOT           check the tree; exit 1 and one line a fault
       check_docs.py --self-test    plant every fault in a copy of the tree; each must be found
"""
import os
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CODE = "src"
DROPS = "docs/packet-path.md"
KEYS = SHOWS = REMEDIES = "docs/operations.md"
RECORDS = "docs/control-protocol.md"
FUNCTIONS = [DROPS, "docs/threading.md", RECORDS]
LIBRARIES = re.compile(r"rte_|if_|main$|bind$|daemon$")  # functions that are not ours


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def files_under(root, folder, endings):
    for base, dirs, names in os.walk(os.path.join(root, folder)):
        dirs[:] = sorted(d for d in dirs if not d.startswith((".", "build", "__")))
        for name in sorted(names):
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(base, name), root)


def joined(text):
    """String literals that the compiler puts together, put together."""
    return re.sub(r'"\s+"', "", text)


# --- drop reasons -----------------------------------------------------------------------


def drop_reasons(root):
    """name -> sentence, as the code has them."""
    workers = re.findall(r'\bX\(\w+,\s*"([^"]+)",\s*"([^"]+)"\)', joined(
        read(root, "src/dataplane/stats.h").replace("\\\n", "\n")))
    agent = re.findall(r'"(agent-[^"]+)",\s*"([^"]+)"', joined(
        read(root, "src/control/ctl_show.c")))
    return dict(workers), dict(agent)


def check_drops(root):
    workers, agent = drop_reasons(root)
    if len(workers) < 10 or not agent:
        yield f"{DROPS}: the drop reasons in the code are not where this check looks"
        return
    section = read(root, DROPS).split("## Where packets end", 1)[-1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) \|$", section, re.M)
    told = {name: words for name, words, _ in rows}
    for name, words in {**workers, **agent}.items():
        if name not in told:
            yield f"{DROPS}: no row for the drop reason {name}"
        elif told[name] != words:
            yield f'{DROPS}: {name}: "{told[name]}", but the code says "{words}"'
    for name in told:
        if name not in workers and name not in agent:
            yield f"{DROPS}: {name} is no drop reason"
    section = read(root, REMEDIES).split("### Drop reasons, and what to do", 1)[-1].split("\n#", 1)[0]
    cells = re.findall(r"^\| (`.*?`) \|", section, re.M)
    remedied = re.findall(r"`([^`]+)`", " ".join(cells))
    for name in {**workers, **agent}:
        if remedied.count(name) != 1:
            yield f"{REMEDIES}: what to do about {name} is said {remedied.count(name)} times"
    for name in remedied:
        if name not in workers and name not in agent:
            yield f"{REMEDIES}: {name} is no drop reason"


# --- configuration, show, records, functions ---------------------------------------------


def check_keys(root):
    shapes = re.findall(r'\b(?:NUMBER|POWER|CHOICE|LIST|MAPPING|TEXT)\(\s*"([^"]+)"',
                        read(root, "src/control/config_rules.c"))
    shapes = {s for s in shapes if not s.endswith("[]")}
    rows = set(re.findall(r"^\| `([a-z][a-z.\[\]-]*)` \|", read(root, KEYS).split(
        "## Configuration", 1)[-1].split("\n## ", 1)[0], re.M))
    if len(shapes) < 10:
        yield f"{KEYS}: the configuration's keys are not where this check looks"
    for shape in sorted(shapes - rows):
        yield f"{KEYS}: no row for the configuration key {shape}"
    for row in sorted(rows - shapes):
        yield f"{KEYS}: {row} is no configuration key"
    last = {s.split(".")[-1] for s in shapes}
    sample = read(root, "config/ovpn-dpdk.yaml")
    # set; or in a comment that could be set as it is, which prose at the margin could not
    for key in re.findall(r"^(?: *| +# *|# (?=[a-z-]+: [\[\d]))(?:- )?([a-z][a-z-]*):(?: |$)",
                          sample, re.M):
        if key not in last:
            yield f"config/ovpn-dpdk.yaml: {key} is no configuration key"


def check_shows(root):
    text = read(root, SHOWS)
    words = re.findall(r'\{"(\w+)", (?:(?:TAKES_\w+|COUNTS)[ |]*)+, ctl_show_\w+\}',
                       read(root, "src/control/ctl.c"))
    asked = "".join(re.findall(r"^\| `what` .*$", read(root, RECORDS), re.M))
    if len(words) < 5:
        yield f"{SHOWS}: the show words are not where this check looks"
    for word in words:
        if f"\n### show {word}\n" not in text:
            yield f"{SHOWS}: no section 'show {word}'"
        if f"`{word}`" not in asked:
            yield f"{RECORDS}: {word} is not among what can be asked for"
    for word in re.findall(r"^### show (\w+)$", text, re.M):
        if word not in words:
            yield f"{SHOWS}: there is no 'show {word}'"


def check_records(root):
    body = read(root, "include/ovpn-dpdk/shim_proto.h").split("enum shim_type {", 1)[-1]
    records = re.findall(r"\b(SHIM_[A-Z_]+)\b", body.split("};", 1)[0])
    text = read(root, RECORDS)
    if len(records) < 5:
        yield f"{RECORDS}: the shim's records are not where this check looks"
    for record in records:
        if f"| `{record}` |" not in text:
            yield f"{RECORDS}: no row for the record {record}"


def check_functions(root):
    code = set()
    for path in files_under(root, CODE, (".c", ".h")):
        code.update(re.findall(r"\b(\w+)\(", read(root, path)))
    for path in FUNCTIONS:
        for name in re.findall(r"`(\w+)\(\)`", read(root, path)):
            if not LIBRARIES.match(name) and name not in code:
                yield f"{path}: {name}() is nowhere in {CODE}/"


# --- links ------------------------------------------------------------------------------


def anchors(text):
    """What a heading is called in a link, as forges make it."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for heading in re.findall(r"^#+ (.+)$", text, re.M):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def check_links(root):
    for path in files_under(root, ".", (".md",)):
        text = re.sub(r"^ *```.*?^ *```", "", read(root, path), flags=re.M | re.S)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if not os.path.exists(os.path.join(root, target)):
                yield f"{path}: link to {link}: there is no {target}"
            elif anchor and anchor not in anchors(read(root, target)):
                yield f"{path}: link to {link}: {target} has no heading of that name"


CHECKS = [check_drops, check_keys, check_shows, check_records, check_functions, check_links]


def check(root):
    return [fault for one in CHECKS for fault in one(root)]


# --- the self-test: one fault at a time in a copy of what is looked at ---------------------

PLANTED = [
    # (file, what, instead of it, what the fault must say)
    (DROPS, "| `replayed` |", "| `repeated` |", "no row for the drop reason replayed"),
    (DROPS, "| `replayed` |", "| `repeated` |", "repeated is no drop reason"),
    (DROPS, "| packet id was received before |", "| seen |", 'the code says "packet id was'),
    (DROPS, "| `agent-send-failed` |", "| agent-send-failed |", "reason agent-send-failed"),
    (REMEDIES, "| `occ` |", "| `ooc` |", "about occ is said 0 times"),
    (REMEDIES, "| `occ` |", "| `ooc` |", "ooc is no drop reason"),
    (REMEDIES, "| `occ` |", "| `occ`, `no-key` |", "about no-key is said 2 times"),
    (DROPS, "`classify()`", "`clasify()`", "clasify() is nowhere"),
    (KEYS, "| `max-peers` |", "| `peers-max` |", "no row for the configuration key max-peers"),
    (KEYS, "| `max-peers` |", "| `peers-max` |", "peers-max is no configuration key"),
    ("config/ovpn-dpdk.yaml", "\nmax-peers:", "\nmost-peers:", "most-peers is no configuration"),
    (SHOWS, "\n### show pools\n", "\n### show pool\n", "no section 'show pools'"),
    (SHOWS, "\n### show pools\n", "\n### show pool\n", "there is no 'show pool'"),
    (RECORDS, "`pools` or `memory`", "`pools`", "memory is not among what can be asked for"),
    (RECORDS, "| `SHIM_BIND` |", "| `BIND` |", "no row for the record SHIM_BIND"),
    ("README.md", "](LICENSE)", "](LICENCE)", "there is no LICENCE"),
    ("README.md", "#what-a-serverconf-needs", "#what-it-needs", "no heading of that name"),
]


def copy_tree(root, to):
    for folder in (CODE, "include", "config", "docs"):
        shutil.copytree(os.path.join(root, folder), os.path.join(to, folder))
    for name in os.listdir(root):
        if name.endswith(".md") or name == "LICENSE":
            shutil.copy(os.path.join(root, name), to)


def self_test():
    root = os.path.dirname(os.path.dirname(HERE))
    known = check(root)
    failed = 0
    for path, old, new, want in PLANTED:
        with tempfile.TemporaryDirectory() as to:
            copy_tree(root, to)
            text = read(to, path)
            with open(os.path.join(to, path), "w", encoding="utf-8") as f:
                f.write(text.replace(old, new, 1))
            faults = [fault for fault in check(to) if fault not in known]
        if old not in text or not any(want in fault for fault in faults):
            failed += 1
            print(f"self-test: {path}: expected '{want}', found {faults}")
    print(f"self-test: {len(PLANTED)} faults, {failed} not found")
    return 1 if failed else 0


def main():
    args = sys.argv[1:]
    if args == ["--self-test"]:
        return self_test()
    if len(args) != 1 or args[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    faults = check(args[0])
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
