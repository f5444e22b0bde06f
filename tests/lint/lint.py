#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a compiler does not see: arrows between modules, include cycles, sizes, licence lines.

Usage: lint.py [--format] ROOT      check the tree; exit 1 and one line a fault
       lint.py --self-test          plant every fault in a tree of its own; each must be found
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

C_LINES_MAX = 500
H_LINES_MAX = 200
FUNCTION_LINES_MAX = 80
PURE_CRYPTO = {"pktid", "replay", "keyslots", "key"}
PURE_DATAPLANE = {"wire", "classify", "inner", "endpoint", "fib", "ipid", "known",
                  "limit", "peer_drops", "source", "stats"}
SHIM_HEADERS = {"shim.h", "errqueue.h", "nl.h", "real.h", "udp.h",
                "ovpn-dpdk/shim_proto.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
LICENCE = "SPDX-License-Identifier: BSD-3-Clause"

# what the data plane shows to control, and to main alone
FACES = ("src/dataplane/dp.h", "src/dataplane/dp_view.h")
LIFE = "src/dataplane/dp_life.h"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def files_under(root, folder, endings):
    for base, dirs, names in os.walk(os.path.join(root, folder)):
        dirs[:] = [d for d in dirs if not d.startswith((".", "__"))]
        for name in sorted(names):
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(base, name), root)


def layer(path):
    """The layer of a file below src/: the name of its folder, or of itself."""
    parts = path.split("/")
    if len(parts) > 2:
        return parts[1]
    return "main" if parts[1] == "main.c" else "base"


# Whose headers a layer may include, beside its own.
ARROWS = {
    "base": set(),
    "crypto": {"base"},
    "dataplane": {"crypto", "base"},
    "control": {"crypto", "base", "public"},
    "main": {"control", "dataplane", "crypto", "base", "public"},
    "cli": {"base", "public"},
    "bench": {"dataplane", "crypto", "base"},
    "shim": {"public"},
}


def resolve(root, path, name):
    """The file that #include "name" in path means, or None: none of ours."""
    for folder in (os.path.dirname(path), "src", "include"):
        candidate = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(root, candidate)):
            return candidate
    return None


def is_foreign_dpdk(name):
    return name.startswith(("rte_", "ethdev_", "cryptodev_", "bus_"))


def foreign_fault(path, name):
    """Why this file may not include that system header, or None."""
    where, stem = layer(path), os.path.splitext(os.path.basename(path))[0]
    if not is_foreign_dpdk(name):
        if where == "shim" and "/" in name and not name.startswith(
                ("sys/", "net/", "netinet/", "arpa/", "linux/", "ovpn-dpdk/")):
            return "the shim may include libc only"
        return None
    if where in ("control", "cli", "shim", "base"):
        return f"{where} may not include DPDK"
    if where == "crypto" and stem in PURE_CRYPTO or path == "src/crypto/aead.h":
        return "a pure module of crypto may not include DPDK"
    if where == "dataplane" and (stem in PURE_DATAPLANE or path in FACES + (LIFE,)):
        return "a pure module of the data plane may not include DPDK"
    if name == "rte_ethdev.h" and path != "src/dataplane/port.c":
        return "only src/dataplane/port.c may include it"
    if name.startswith("rte_crypto") and where != "crypto":
        return "only crypto may include cryptodev"
    return None


def own_fault(path, target):
    """Why this file may not include that file of ours, or None."""
    where = layer(path)
    if target.startswith("include/"):
        return None if "public" in ARROWS.get(where, set()) else f"{where} knows no public header"
    there = layer(target)
    if where == there:
        return None
    if where not in ARROWS:
        return f"src/{where} is not in the list of layers"
    if target in FACES and where == "control":
        return None
    if where == "cli" and target == "src/control/ctl.h":
        return None  # the operator's protocol
    if there == "crypto" and where in ("control", "main") and target.endswith("_private.h"):
        return "private to crypto"
    if there not in ARROWS[where]:
        return f"{where} may not include {there}"
    if where == "main" and there == "dataplane" and target not in FACES + (LIFE,):
        return "main knows the data plane by its faces only"
    return None


def check_includes(root):
    graph = {}
    for path in files_under(root, "src", (".c", ".h")):
        graph[path] = []
        for kind, name in INCLUDE.findall(read(os.path.join(root, path))):
            target = resolve(root, path, name) if kind == '"' else None
            if kind == '"' and target is None:
                yield f'{path}: includes "{name}", which is none of our files'
                continue
            fault = own_fault(path, target) if target else foreign_fault(path, name)
            if fault is None and layer(path) == "shim" and target and \
                    name not in SHIM_HEADERS:
                fault = "the shim may include its own headers and shim_proto.h only"
            if fault is not None:
                yield f"{path}: includes {name}: {fault}"
            if target:
                graph[path].append(target)
    yield from check_cycles(graph)


def check_cycles(graph):
    """Headers may not include each other in a circle."""
    state = {}

    def visit(path, trail):
        state[path] = "open"
        for target in graph.get(path, []):
            if state.get(target) == "open":
                circle = trail[trail.index(target):] + [target]
                yield "include cycle: " + " -> ".join(circle)
            elif target not in state:
                yield from visit(target, trail + [target])
        state[path] = "done"

    for path in sorted(graph):
        if path.endswith(".h") and path not in state:
            yield from visit(path, [path])


def functions(text):
    """(name, lines) of every function: from the line of its name to its closing brace."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if line != "{":
            continue
        start = i - 1
        while start > 0 and (lines[start].startswith(("\t", " ")) or "(" not in lines[start]):
            start -= 1
        end = next((k for k in range(i, len(lines)) if lines[k].startswith("}")), None)
        if end is None:
            continue
        name = re.search(r"([A-Za-z_]\w*)\s*\(", lines[start])
        yield (name.group(1) if name else "?"), end - start + 1


def check_sizes(root):
    for path in files_under(root, "src", (".c", ".h")):
        text = read(os.path.join(root, path))
        limit = C_LINES_MAX if path.endswith(".c") else H_LINES_MAX
        n = text.count("\n")
        if n > limit:
            yield f"{path}: {n} lines, at most {limit}"
        for name, length in functions(text):
            if length > FUNCTION_LINES_MAX:
                yield f"{path}: {name}() has {length} lines, at most {FUNCTION_LINES_MAX}"


def check_licences(root):
    endings = (".c", ".h", ".py", ".sh", "meson.build")
    for folder in ("src", "include", "tests"):
        for path in files_under(root, folder, endings):
            if LICENCE not in "\n".join(read(os.path.join(root, path)).split("\n")[:2]):
                yield f"{path}: no '{LICENCE}' in its first two lines"


def check_format(root):
    tool = shutil.which("clang-format")
    if tool is None:
        print("lint: no clang-format here: the format is not checked", file=sys.stderr)
        return
    for path in files_under(root, "src", (".c", ".h")):
        run = subprocess.run([tool, "--dry-run", "-Werror", path], cwd=root,
                             capture_output=True, text=True, check=False)
        if run.returncode != 0:
            yield f"{path}: not as clang-format writes it"


def check(root, with_format):
    faults = list(check_includes(root)) + list(check_sizes(root)) + list(check_licences(root))
    return faults + (list(check_format(root)) if with_format else [])


# --- the self-test: a small tree without a fault, and one fault at a time -----------------

SPDX = "/* " + LICENCE + " */\n"
SOUND = {
    ".clang-format": "BasedOnStyle: LLVM\nUseTab: Always\nIndentWidth: 8\n",
    "include/ovpn-dpdk/shim_proto.h": SPDX,
    "src/base.h": SPDX + "#include <stdint.h>\n",
    "src/crypto/aead.h": SPDX,
    "src/crypto/aead.c": SPDX + '#include "crypto/aead.h"\n#include <rte_cryptodev.h>\n',
    "src/crypto/key.h": SPDX + '#include "base.h"\n#include "crypto/aead.h"\n',
    "src/dataplane/dp.h": SPDX + '#include "crypto/key.h"\n',
    "src/dataplane/fib.c": SPDX + '#include "base.h"\n',
    "src/dataplane/port.c": SPDX + '#include "dataplane/dp.h"\n#include <rte_ethdev.h>\n',
    "src/dataplane/worker.h": SPDX + '#include <rte_mbuf.h>\n#include "dataplane/dp.h"\n',
    "src/control/agent.h": SPDX + '#include "dataplane/dp.h"\n',
    "src/shim/shim.h": SPDX + "#include <sys/socket.h>\n",
    "src/shim/shim.c": SPDX + '#include "shim.h"\n#include "ovpn-dpdk/shim_proto.h"\n',
    "src/cli/ctl.c": SPDX + '#include "base.h"\n',
    "src/main.c": SPDX + '#include "control/agent.h"\n#include "dataplane/dp.h"\n',
    "tests/meson.build": "# " + LICENCE + "\n",
}
PLANTED = [
    # (file, what is added, what the fault must say)
    ("src/control/agent.h", '#include "dataplane/worker.h"\n', "control may not include dataplane"),
    ("src/control/agent.h", "#include <rte_mbuf.h>\n", "control may not include DPDK"),
    ("src/dataplane/fib.c", '#include "control/agent.h"\n', "dataplane may not include control"),
    ("src/dataplane/fib.c", "#include <rte_ip.h>\n", "pure module of the data plane"),
    ("src/dataplane/dp.h", "#include <rte_mbuf.h>\n", "pure module of the data plane"),
    ("src/dataplane/worker.h", "#include <rte_ethdev.h>\n", "only src/dataplane/port.c"),
    ("src/dataplane/worker.h", "#include <rte_cryptodev.h>\n", "only crypto"),
    ("src/crypto/key.h", "#include <rte_crypto.h>\n", "pure module of crypto"),
    ("src/crypto/aead.c", '#include "dataplane/dp.h"\n', "crypto may not include dataplane"),
    ("src/base.h", '#include "crypto/aead.h"\n', "base may not include crypto"),
    ("src/shim/shim.c", '#include "base.h"\n', "shim may not include base"),
    ("src/shim/shim.c", "#include <libmnl/libmnl.h>\n", "libc only"),
    ("src/cli/ctl.c", '#include "dataplane/dp.h"\n', "cli may not include"),
    ("src/main.c", '#include "dataplane/worker.h"\n', "by its faces only"),
    ("src/main.c", '#include "no/such.h"\n', "none of our files"),
    ("src/crypto/aead.h", '#include "crypto/key.h"\n', "include cycle"),
    ("src/crypto/aead.c", "\n" * 500, "lines, at most 500"),
    ("src/crypto/aead.h", "\n" * 200, "lines, at most 200"),
    ("src/crypto/aead.c", "static int\nlong_one(int a,\n\tint b)\n{\n" + "\n" * 77 + "}\n",
     "long_one() has"),
    ("src/crypto/aead.c", "int long_two(int a)\n{\n" + "\tx();\n" * 78 + "}\n", "long_two() has"),
    ("src/crypto/new.c", "int x;\n", "no 'SPDX"),
    ("tests/t.sh", "#!/bin/sh\ntrue\n", "no 'SPDX"),
]
FORMAT_FAULT = ("src/crypto/aead.c", "int  f( int a )\n{\nreturn a;\n}\n", "clang-format")


def plant(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "a", encoding="utf-8") as f:
        f.write(text)


def self_test():
    failed = 0
    cases = [(None, "", "")] + PLANTED
    if shutil.which("clang-format"):
        cases.append(FORMAT_FAULT)
    for path, text, want in cases:
        with tempfile.TemporaryDirectory() as root:
            for name, content in SOUND.items():
                plant(root, name, content)
            if path:
                plant(root, path, text)
            faults = check(root, path is not None and want == "clang-format")
            ok = any(want in f for f in faults) if path else not faults
            if not ok:
                failed += 1
                print(f"self-test: {path or 'the sound tree'}: expected '{want}', found {faults}")
    print(f"self-test: {len(cases)} trees, {failed} not as expected")
    return 1 if failed else 0


def main():
    args = sys.argv[1:]
    if args == ["--self-test"]:
        return self_test()
    if not args or len(args) > 2 or (len(args) == 2 and args[0] != "--format"):
        print(__doc__, file=sys.stderr)
        return 2
    faults = check(args[-1], len(args) == 2)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
