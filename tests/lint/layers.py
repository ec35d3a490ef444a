# SPDX-License-Identifier: Apache-2.0
"""Checks the direction of every #include: a layer knows itself and the layers below, users' code knows <weir/…> only.

usage: layers.py [SOURCE-DIR]
"""
import fnmatch
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()

# From the bottom up, each with its public headers.
LAYERS = {
    "base": "status slice pool buffer clock log",
    "http": "fields date etag cache_control query cookie field form multipart json temporal",
    "exchange": "request response middleware route source limits upload",
    "cache": "cache cache_rule call coder function key backend backend_driver backend_metrics backend_shm",
    "runtime": "app testing weir",
}
HEIGHT = {layer: height for height, layer in enumerate(LAYERS)}
PUBLIC = {f"weir/{name}.h": layer for layer, names in LAYERS.items() for name in names.split()}

C_HEADERS = {f"{name}.h" for name in (
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic stdbool stddef "
    "stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype").split()}

# Where the library may know something of the outside; tests, middleware, backends and apps choose for themselves.
ONE_PLACE = {
    "fastcgi.h": ["lib/runtime/fcgi*.[ch]", "lib/runtime/libfcgi.c"],
    "fcgi*.h": ["lib/runtime/libfcgi.c", "lib/runtime/fcgx.h"],
    "uv.h": ["lib/runtime/*"],
    "json-c/*": ["lib/http/json*.c", "lib/exchange/re*.c", "lib/cache/coder_json.c"],
    "json.h": [],
    "sha2.h": ["lib/cache/key.c", "lib/cache/backend_name.c"],
    "zstd.h": ["lib/cache/libzstd.c"],
    "xxhash.h": ["lib/http/etag.c", "lib/http/struct_fingerprint.c", "lib/cache/*.c"],
}

# The one place where the library knows what was built into it.
BUILT_IN = ("lib/runtime/builtin_*.c", "backends/*/*.h")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
problems = []


def layer_of(path):
    """The layer of a file below lib/, or None for users' code."""
    parts = path.parts
    if parts[0] != "lib":
        return None
    return PUBLIC.get("/".join(parts[1:])) if parts[1] == "weir" else parts[1]


def resolve(path, quote, name):
    """The project's file that an #include means, relative to the root, or None for one of the outside."""
    folders = [path.parent] if quote == '"' else []
    for folder in [*folders, pathlib.Path("lib"), pathlib.Path(".")]:
        if (ROOT / folder / name).is_file():
            return pathlib.Path((ROOT / folder / name).resolve().relative_to(ROOT))
    return None


def check_outside(path, name):
    if path.parts[:2] == ("lib", "weir"):
        return None if name in C_HEADERS else "a public header includes the C standard's headers and <weir/…> only"
    for pattern, places in ONE_PLACE.items():
        if path.parts[0] == "lib" and fnmatch.fnmatch(name, pattern):
            return None if any(fnmatch.fnmatch(str(path), place) for place in places) else f"only for {' '.join(places) or 'nobody'}"
    return None


def check_inside(path, target):
    public = target.parts[:2] == ("lib", "weir")
    own = layer_of(path)
    if fnmatch.fnmatch(str(path), BUILT_IN[0]) and fnmatch.fnmatch(str(target), BUILT_IN[1]):
        return None
    if target.suffix == ".c":
        return "a .c file is not included"
    if own is None:
        mine = public or target.parent == path.parent
        return None if mine else "outside lib only <weir/…> and headers of the same folder are known"
    if layer_of(target) is None:
        return "the library stands without middleware, backends, apps and tests"
    if path.parts[1] == "weir" and not public:
        return "a public header includes a private one"
    if HEIGHT[layer_of(target)] > HEIGHT[own]:
        return f"{own} lies below {layer_of(target)}"
    return None


def check_include(path, quote, name):
    """Returns what is wrong with the #include, or None."""
    target = resolve(path, quote, name)
    if target is None:
        return "no such file" if quote == '"' or name.startswith("weir/") else check_outside(path, name)
    if (quote == "<") != (target.parts[:2] == ("lib", "weir")):
        return 'public headers are included as <weir/…>, others as "…"'
    return check_inside(path, target)


def find_cycle(graph, node, trail):
    if node in trail:
        return trail[trail.index(node):] + [node]
    for target in graph.pop(node, []):
        cycle = find_cycle(graph, target, trail + [node])
        if cycle:
            return cycle
    return None


def main():
    files = [path.relative_to(ROOT) for folder in ("lib", "middleware", "backends", "apps") for path in (ROOT / folder).rglob("*.[ch]")]
    graph = {}
    for path in sorted(files):
        if path.parts[:2] == ("lib", "weir") and layer_of(path) is None:
            problems.append(f"{path}: tests/lint/layers.py does not say which layer this public header belongs to")
            continue
        for quote, name in INCLUDE.findall((ROOT / path).read_text(encoding="utf-8")):
            wrong = check_include(path, quote, name)
            if wrong:
                problems.append(f"{path}: #include {name}: {wrong}")
            graph.setdefault(path, []).append(resolve(path, quote, name))
    for path in list(graph):
        cycle = find_cycle(dict(graph), path, [])
        if cycle:
            problems.append(f"include cycle: {' -> '.join(map(str, cycle))}")
            break
    print("\n".join(problems) or f"{len(files)} files: every #include points down")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
