"""Pages that agree with the tree: links that lead somewhere, and tables made from the headers they describe."""

import os
import re
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
BLOCK = re.compile(r"(<!-- made from (\S+) by ./run fmt -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def blank(text):
    return FENCE.sub(lambda hit: re.sub(r"[^\n]", " ", hit.group()), text)


def anchors(text):
    """The names GitHub gives to headings."""
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in HEADING.findall(text)}


def check_links(source, root):
    if not source.is_page:
        return
    text = blank(source.text)
    for hit in LINK.finditer(text):
        link, anchor = hit[1], hit[2]
        if re.match(r"[a-z]+:", link):
            continue
        target = Path(os.path.normpath(root / os.path.dirname(source.path) / link)) if link else root / source.path
        if not target.exists():
            yield source.line_of(hit.start()), f"the link leads nowhere: {link}"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield source.line_of(hit.start()), f"no heading for the link: {link}#{anchor}"


def check_tables(source, root):
    if not source.is_page:
        return
    for hit in BLOCK.finditer(source.text):
        try:
            if hit[3] != made_from(hit[2], root):
                yield source.line_of(hit.start()), f"not what {hit[2]} says; tests/tidy/tidy.py --fix makes the table"
        except ValueError as unread:
            yield source.line_of(hit.start()), f"{hit[2]}: {unread}"


def with_fresh_tables(source, root):
    return BLOCK.sub(lambda hit: hit[1] + made_from(hit[2], root) + hit[4], source.text)


def made_from(path, root):
    return MAKERS[path]((root / path).read_text(encoding="utf-8"))


def status_table(text):
    rows = ["| name | value | try again | meaning |", "|---|---|---|---|"]
    for name, value, retryable, meaning in re.findall(r'X\((\w+), (-?\d+), ([01]), "([^"]*)"\)', text):
        rows.append(f"| `WHIM_{name}` | {value} | {'yes' if retryable == '1' else ''} | {meaning} |")
    return "\n".join(rows) + "\n"


def limits_table(text):
    """One table for each section comment of limits.h; a definition may go on in the next line."""
    rows = []
    for line in re.sub(r"^(inline constexpr [^;\n]*?) *\n\s+", r"\1 ", text, flags=re.MULTILINE).split("\n"):
        section = re.match(r"// ([^.]+)\.(?: See .*)?$", line)
        limit = re.match(r"inline constexpr (\w+) k(\w+) = (.*?);(?:\s*// (.*))?$", line)
        if section:
            rows += ["", f"**{section[1]}**", "", "| limit | value | note |", "|---|---|---|"]
        elif limit:
            rows.append(f"| `k{limit[2]}` | {readable(limit[3], limit[2])} | {limit[4] or ''} |")
    table = "\n".join(rows[1:]) + "\n"
    defined, listed = len(re.findall(r"\bconstexpr\b", text)), table.count("| `k")
    if listed != defined:
        raise ValueError(f"{defined} constants and {listed} rows: limits_table does not read one of them")
    return table


def readable(value, name):
    """"64u << 10" as "64 KiB", "milliseconds(200)" as "200 ms"."""
    duration = re.fullmatch(r"(\w+)\(([\d']+)\)", value)
    if duration:
        unit = {"nanoseconds": "ns", "microseconds": "us", "milliseconds": "ms", "seconds": "s"}[duration[1]]
        return f"{int(duration[2].replace(chr(39), ''))} {unit}"
    shifted = re.fullmatch(r"([\d']+)u?l*(?: << (\d+))?", value)
    if not shifted:
        return f"`{value}`"
    number = int(shifted[1].replace("'", "")) << int(shifted[2] or 0)
    if "Bytes" in name:
        for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if number % size == 0:
                return f"{number // size} {unit}"
        return f"{number} bytes"
    return f"{number}"


def messages_table(text):
    """Type number, name and fields of each alternative of wire::Message, in wire order."""
    names = re.findall(r"\w+", re.search(r"using Message = std::variant<(.*?)>;", text, re.DOTALL)[1])
    rows = ["| type | message | fields |", "|---|---|---|"]
    for number, name in enumerate(names):
        body = re.search(rf"struct {name} \{{.*?void fields\(A& ?\w*\) \{{(.*?)\}}\n", text, re.DOTALL)[1]
        fields = ", ".join(re.findall(r"a(?:\.\w+)?\((\w+)", body))
        rows.append(f"| {number} | `{name}` | {fields} |")
    return "\n".join(rows) + "\n"


def plants_table(text):
    rows = ["| planted bug | what it breaks |", "|---|---|"]
    rows += [f"| `{name}` | {rule} |" for name, rule in re.findall(r'X\((\w+), "([^"]*)"\)', text) if name != "none"]
    return "\n".join(rows) + "\n"


MAKERS = {
    "include/whimbrel/status_list.h": status_table,
    "src/base/limits.h": limits_table,
    "src/base/plant.h": plants_table,
    "src/wire/messages.h": messages_table,
}


def check_modules(root):
    """Each folder of a module is a CMake target."""
    for group in ("src", "transport", "collectives"):
        for folder in sorted(p for p in (root / group).glob("*") if p.is_dir()):
            if any(folder.glob("*.cpp")) or any(folder.glob("*.h")):
                if not (folder / "CMakeLists.txt").exists():
                    yield f"{group}/{folder.name}", 1, "a module without a CMakeLists.txt"
