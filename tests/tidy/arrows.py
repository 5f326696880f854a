"""Which module may include which, and which outside library is used where. The table of docs/internals/ARCHITECTURE.md.

Tests, stress programs and the demo may include anything and have no row."""

import re

PURE = ("src/base", "src/wire", "src/group", "src/state", "src/engine", "transport/session", "collectives/plan",
        "collectives/op", "collectives/reducer", "collectives/codec", "collectives/outer")

BASE, WIRE, GROUP, STATE, ENGINE = "src/base", "src/wire", "src/group", "src/state", "src/engine"
SESSION, ASIO, MEMORY = "transport/session", "transport/asio", "transport/memory"
PLAN, OP, REDUCER, CODEC = "collectives/plan", "collectives/op", "collectives/reducer", "collectives/codec"
OUTER, KERNELS, DEVICE = "collectives/outer", "collectives/kernels", "collectives/device"

ARROWS = {
    BASE: [],
    WIRE: [BASE],
    PLAN: [BASE],
    KERNELS: [BASE],
    REDUCER: [KERNELS, BASE],
    CODEC: [KERNELS, BASE],
    OP: [PLAN, REDUCER, CODEC, KERNELS, WIRE, BASE],  # docs/decisions/0002-ops-speak-wire-messages.md
    OUTER: [PLAN, REDUCER, CODEC, KERNELS, BASE],
    DEVICE: [KERNELS, BASE],
    SESSION: [WIRE, BASE],
    GROUP: [WIRE, BASE],
    STATE: [WIRE, BASE],
    ENGINE: [GROUP, STATE, PLAN, OP, REDUCER, CODEC, OUTER, KERNELS, SESSION, WIRE, BASE],
    ASIO: [SESSION, WIRE, BASE],
    MEMORY: [SESSION, WIRE, BASE],
    "src/coordinator": [GROUP, PLAN, SESSION, ASIO, MEMORY, WIRE, BASE],
    "src/runtime": [ENGINE, SESSION, ASIO, MEMORY, DEVICE, WIRE, BASE],
    "src/api": ["src/runtime", "src/coordinator", CODEC, REDUCER, OUTER, STATE, "include"],
    "src/cli": ["include", "src/coordinator", PLAN, WIRE, BASE],  # docs/decisions/0003 and 0017
    "bindings": ["include"],
    "include": [],
}

# The one file that points the other way: the list of result codes is public, and base's Code is made from it
# (docs/decisions/0001-status-list-in-the-public-headers.md).
EXCEPTIONS = {(BASE, "whimbrel/status_list.h")}

OUTSIDE = {
    "asio": [ASIO, "src/runtime", "src/coordinator"],
    "openssl/": [SESSION, "src/coordinator"],
    "sodium": [SESSION, "src/coordinator", "src/runtime"],
    "sqlite3.h": ["src/coordinator"],
    "httplib.h": ["src/cli"],
    "nlohmann/": ["src/coordinator", "src/cli"],
    "CLI/": ["src/cli"],
    "hwy/": [KERNELS],
    "zstd": [CODEC],
    "xxhash": [STATE, BASE],
    "pybind11/": ["bindings"],
    "Python.h": ["bindings"],
    "cuda": [DEVICE],
    "nccl": [DEVICE],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
MODULE_LINE = re.compile(r"^\s*whim_module\((\w+)([^)]*)\)", re.MULTILINE)


def module_of(path):
    """The row of ARROWS that a file belongs to, or None."""
    return next((m for m in ARROWS if path.startswith(m + "/")), None)


def target_of(include):
    """The module that a quoted include points into, or None for one that names no module."""
    if include.startswith("whimbrel/"):
        return "include"
    for path in (include, "src/" + include):
        module = module_of(path)
        if module not in (None, "include", "bindings"):
            return module
    return None


def check_includes(source):
    module = module_of(source.path)
    if module is None or not source.is_cpp:
        return
    for number, line in enumerate(source.lines, 1):
        hit = INCLUDE.match(line)
        if not hit:
            continue
        if hit[1] == '"':
            yield from check_ours(module, source, number, hit[2])
        else:
            yield from check_outside(module, number, hit[2])


def check_ours(module, source, number, include):
    target = target_of(include)
    if target is None:
        if "/" in include or module not in ("bindings", "include"):
            yield number, f'include "{include}" names no module; write the path from the root or from src/'
    elif target != module and target not in ARROWS[module] and (module, include) not in EXCEPTIONS:
        yield number, f"{module} may not include {target}"


def check_outside(module, number, include):
    for library, users in OUTSIDE.items():
        if include.startswith(library) and module not in users:
            yield number, f"{module} may not use {include}"


def check_link_line(source):
    """The arrows again, where CMake states them: whim_module(NAME dependencies...)."""
    module = module_of(source.path)
    if module is None or source.name != "CMakeLists.txt":
        return
    by_target = {"whim_" + m.rsplit("/", 1)[-1]: m for m in ARROWS}
    for hit in MODULE_LINE.finditer(source.text):
        for word in hit[2].split():
            target = by_target.get(word)
            if target == "src/api" and "include" in ARROWS[module]:
                continue  # the public headers' implementation
            if target and target not in ARROWS[module]:
                yield source.line_of(hit.start()), f"{module} may not link {target}"
