#!/usr/bin/env python3
"""Proves that each rule of tidy bites: every bad snippet gives the finding named beside it, and every good
snippet, most of them look-alikes of a bad one, gives none."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import tidy
import tidy_cli
from arrows import ARROWS, PURE
from pages import anchors, limits_table, messages_table, plants_table, status_table
from source import ROOT, Source

HEAD = "// What this file is for.\n"

# path, the line under test, a part of the message
BAD_CODE = [
    ("src/base/x.h", '#include "wire/message.h"', "src/base may not include src/wire"),
    ("src/base/x.h", '#include "whimbrel/status.h"', "src/base may not include include"),
    ("src/wire/x.h", '#include "group/member.h"', "src/wire may not include src/group"),
    ("src/group/x.cpp", '#include "transport/session/link.h"', "may not include transport/session"),
    ("collectives/reducer/x.h", '#include "wire/message.h"', "collectives/reducer may not include src/wire"),
    ("collectives/op/x.h", '#include "group/member.h"', "collectives/op may not include src/group"),
    ("transport/session/x.h", '#include "collectives/plan/plan.h"', "may not include collectives/plan"),
    ("src/api/x.cpp", '#include "engine/engine.h"', "src/api may not include src/engine"),
    ("src/cli/x.cpp", '  #  include "group/member.h"', "src/cli may not include src/group"),
    ("bindings/python/x.cpp", '#include "runtime/group.h"', "bindings may not include src/runtime"),
    ("src/group/x.cpp", '#include "member.h"', "names no module"),
    ("src/group/x.cpp", '#include "elsewhere/member.h"', "names no module"),
    ("src/engine/x.cpp", "#include <asio.hpp>", "may not use asio.hpp"),
    ("transport/asio/x.cpp", "#include <openssl/ssl.h>", "may not use openssl/ssl.h"),
    ("src/runtime/x.cpp", "#include <sqlite3.h>", "may not use sqlite3.h"),
    ("src/base/x.cpp", "#include <thread>", "may not include <thread>"),
    ("src/wire/x.cpp", "#include <unordered_map>", "may not include <unordered_map>"),
    ("transport/session/x.cpp", "#include <sys/socket.h>", "may not include <sys/socket.h>"),
    ("src/group/x.cpp", "    std::thread worker(run);", "no threads: std::thread"),
    ("src/group/x.cpp", "    std::lock_guard hold(mu_);", "no locks: std::lock_guard"),
    ("src/group/x.h", "    mutable std::mutex mu_;", "no locks: std::mutex"),
    ("src/state/x.h", "    std::atomic<int> count_;", "no atomics"),
    ("src/engine/x.cpp", "    usleep(10);", "no sleeping: usleep"),
    ("src/engine/x.cpp", "    const auto now = std::chrono::steady_clock::now();", "no clocks: steady_clock"),
    ("src/engine/x.cpp", "    clock_gettime(CLOCK_MONOTONIC, &ts);", "no clocks: clock_gettime"),
    ("src/engine/x.cpp", "    seed(time(nullptr));", "no clocks: time"),
    ("collectives/plan/x.cpp", "    std::random_device device;", "no chance"),
    ("collectives/plan/x.cpp", "    return rand() % 6;", "no chance"),
    ("collectives/op/x.h", "    std::unordered_map<int, int> chunks_;", "no unordered containers"),
    ("collectives/op/x.h", "    std::map<const Chunk*, int> chunks_;", "no containers ordered by address"),
    ("transport/session/x.cpp", "    int fd = socket(AF_INET, SOCK_STREAM, 0);", "no sockets"),
    ("collectives/codec/x.cpp", "    if (bad) abort();", "no ending the process: abort"),
    ("collectives/codec/x.cpp", "        case Kind::a: ::abort();", "no ending the process: abort"),
    ("collectives/outer/x.cpp", "    std::exit(1);", "no ending the process: std::exit"),
    ("collectives/reducer/x.cpp", "    cudaMemcpy(a, b, n, kind);", "no CUDA and NCCL: cudaMemcpy"),
    ("src/wire/x.cpp", '    const char* home = getenv("HOME");', "no files, environment and processes: getenv"),
    ("src/wire/x.cpp", '    printf("%d", x);', "no printing: printf"),
    ("src/base/x.cpp", "static int calls = 0;", "no mutable globals: int calls"),
    ("src/base/x.cpp", "    static std::vector<int> cache;", "no mutable globals: std::vector<int> cache"),
    ("src/base/x.cpp", "std::vector<int> g_cache;", "no mutable globals: std::vector<int> g_cache"),
    ("src/base/x.h", "inline int g_count = 0;", "no mutable globals: inline int g_count"),
    ("src/base/x.cpp", "thread_local int depth = 0;", "no globals: thread_local"),
    ("src/runtime/x.cpp", "int a;" + " " * 120 + "int b;", "132 characters; at most 120"),
    ("src/runtime/x.cpp", "\tint a;", "tab"),
    ("src/runtime/x.cpp", "int a; ", "space at the end"),
    ("src/runtime/x.cpp", "// TO" "DO: later", "unfinished work"),
    ("src/runtime/x.cpp", "int a;\n" * 500, "502 lines; at most 500"),
    ("src/group/CMakeLists.txt", "whim_module(group whim_wire whim_session)",
     "src/group may not link transport/session"),
]

GOOD_CODE = [
    ("src/base/x.h", '#include "whimbrel/status_list.h"'),
    ("src/engine/x.cpp", '#include "collectives/op/op.h"\n#include "transport/session/link.h"'),
    ("src/group/x.cpp", "// a std::thread would call time(nullptr) and exit(1) here"),
    ("src/group/x.cpp", 'const char* kText = "std::mutex and steady_clock";'),
    ("src/group/x.cpp", "    op.abort(reason);\n    return abort(\"late\");\n    plan.random(prng, link->time(now));"),
    ("src/group/x.cpp", "static constexpr int kLimit = 1'000;\nstatic int name(Kind kind) {\n    return 0;\n}"),
    ("src/group/x.cpp", "Decision decide(Instant now, const View& view);\ninline constexpr int kOne = 1;"),
    ("src/group/x.cpp", "    std::map<PeerId, int> seen_;\n    Chunk* first = nullptr;"),
    ("src/group/x.cpp", "void Round::abort() {\n    open_ = false;\n}"),
    ("src/base/assert.cpp", "    std::abort();"),
    ("src/runtime/x.cpp", "#include <thread>\n#include <asio.hpp>\nstd::mutex mu;\n    std::abort();"),
    ("tests/net/x.cpp", '#include "helper.h"\n#include "engine/engine.h"\n#include <unordered_map>'),
    ("stress/x.cpp", '#include "runtime/group.h"\n    std::exit(1);'),
    ("src/group/CMakeLists.txt", "whim_module(group whim_wire fmt::fmt)"),
    ("src/cli/CMakeLists.txt", "whim_module(cli whim_api)"),
]

BAD_OPENINGS = [("src/base/x.h", "#pragma once\n\nint f();\n"), ("demo/x.py", "#!/usr/bin/env python3\nimport os\n"),
                ("scripts/x.sh", "#!/bin/sh\ntrue\n"), ("src/new/CMakeLists.txt", "whim_module(new)\n")]
GOOD_OPENINGS = [("src/base/x.h", "#pragma once\n// Why.\n"), ("demo/x.py", '#!/usr/bin/env python3\n"""Why."""\n'),
                 ("scripts/x.sh", "#!/bin/sh\n# Why.\n"), ("include/whimbrel/x.h", "/* Why. */\n"),
                 ("demo/__init__.py", "")]


def messages(path, text, root=ROOT):
    return [message for _, message in tidy.findings_of(Source(path, text), root)]


def with_head(path, text):
    return (HEAD.replace("//", "#") if path.endswith("CMakeLists.txt") else HEAD) + text + "\n"


class Code(unittest.TestCase):
    def test_bad_snippets_are_found(self):
        for path, text, expected in BAD_CODE:
            with self.subTest(path=path, text=text[:80]):
                found = messages(path, with_head(path, text))
                self.assertTrue(any(expected in message for message in found), found)

    def test_good_snippets_pass(self):
        for path, text in GOOD_CODE:
            with self.subTest(path=path, text=text[:80]):
                self.assertEqual(messages(path, with_head(path, text)), [])

    def test_findings_name_the_line(self):
        found = list(tidy.findings_of(Source("src/base/x.cpp", HEAD + "\n/* a\n b */\n    std::abort();\n"), ROOT))
        self.assertEqual([line for line, _ in found], [5])

    def test_every_pure_module_is_guarded(self):
        for module in PURE:
            self.assertTrue(messages(f"{module}/x.cpp", HEAD + "std::mutex mu;\n"), module)

    def test_arrows_run_one_way(self):
        def reaches(start, goal):
            return any(nxt == goal or reaches(nxt, goal) for nxt in ARROWS[start])
        for module in ARROWS:
            self.assertFalse(reaches(module, module), module)


class Form(unittest.TestCase):
    def test_a_file_without_an_opening_comment_is_found(self):
        for path, text in BAD_OPENINGS:
            with self.subTest(path=path):
                self.assertIn("does not open with a comment that says what the file is for", messages(path, text))

    def test_openings_after_a_shebang_or_pragma_pass(self):
        for path, text in GOOD_OPENINGS:
            with self.subTest(path=path):
                self.assertEqual(messages(path, text), [])

    def test_a_missing_last_newline_is_found(self):
        self.assertEqual(messages("stress/x.cpp", HEAD.rstrip("\n")), ["no newline at the end"])


class Pages(unittest.TestCase):
    LIST = '    X(OK, 0, 0, "done") \\\n    X(E_NO_MEMORY, -200, 1, "out of memory") \\\n'
    LIMITS = ("// Time.\ninline constexpr Duration kBeat = milliseconds(1'200);  // note\n"
              "inline constexpr uint32_t kFrameBytesMax = 64u << 10;\ninline constexpr uint32_t kPeersMax = 1024;\n")

    def tree(self, files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for path, text in files.items():
            (Path(folder.name) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder.name) / path).write_text(text, encoding="utf-8")
        return Path(folder.name)

    def test_links_that_lead_nowhere_are_found(self):
        root = self.tree({"docs/b.md": "# The heading, here\n"})
        self.assertEqual(messages("docs/a.md", "[x](c.md)\n", root), ["the link leads nowhere: c.md"])
        self.assertEqual(messages("docs/a.md", "[x](b.md#nothing)\n", root), ["no heading for the link: b.md#nothing"])
        good = "[x](b.md#the-heading-here) [y](https://example.org/z) `[not](a-link)`\n```\n[nor](this)\n```\n"
        self.assertEqual(messages("docs/a.md", good, root), [])

    def test_anchors_are_those_of_github(self):
        self.assertEqual(anchors("## Who `owns` what?\n"), {"who-owns-what"})

    def test_tables_follow_their_headers(self):
        self.assertIn("| `WHIM_E_NO_MEMORY` | -200 | yes | out of memory |", status_table(self.LIST))
        self.assertEqual(limits_table(self.LIMITS).splitlines()[4:], [
            "| `kBeat` | 1200 ms | note |", "| `kFrameBytesMax` | 64 KiB |  |", "| `kPeersMax` | 1024 |  |"])

    def test_limits_that_go_on_in_the_next_line_are_listed(self):
        text = self.LIMITS + "inline constexpr Duration kGrace =\n    milliseconds(500);  // for votes\n"
        self.assertEqual(limits_table(text).splitlines()[-1], "| `kGrace` | 500 ms | for votes |")

    def test_a_limit_that_no_row_shows_is_found(self):
        page = "<!-- made from src/base/limits.h by ./run fmt -->\n" + limits_table(self.LIMITS) + "<!-- end -->\n"
        root = self.tree({"src/base/limits.h": self.LIMITS + "constexpr int kHidden = 3;\n", "docs/limits.md": page})
        self.assertIn("4 constants and 3 rows", messages("docs/limits.md", page, root)[0])

    def test_messages_and_plants_are_listed_in_order(self):
        text = ("struct Ping {\n    template <class A> void fields(A& a) { a(n), a.text(why, 3); }\n};\n"
                "struct Bye {\n    template <class A> void fields(A&) {}\n};\n"
                "using Message = std::variant<Bye,\n    Ping>;\n")
        self.assertEqual(messages_table(text).splitlines()[2:], ["| 0 | `Bye` |  |", "| 1 | `Ping` | n, why |"])
        self.assertEqual(plants_table('X(none, "nothing") \\\nX(two, "one leader")').splitlines()[2:],
                         ["| `two` | one leader |"])

    def test_flags_that_the_page_and_help_do_not_share_are_found(self):
        helps = {"serve": "Options:\n  -h,--help   Help\n  --port UINT:INT in [1 - 9]=7  Where\n  --fast      Hurry\n"}
        page = "## whimbrel serve\n\n| `--port N` | 7 | where |\n| `--fast` | off | hurry |\n"
        self.assertEqual(list(tidy_cli.findings(page, helps)), [])
        self.assertEqual(list(tidy_cli.findings(page.replace("| 7 |", "| 8 |"), helps)),
                         ["whimbrel serve: the default of --port is 7, the page says 8"])
        self.assertEqual(list(tidy_cli.findings(page.replace("--fast", "--slow"), helps)),
                         ["whimbrel serve: --fast is only in --help", "whimbrel serve: --slow is only in the page"])
        self.assertEqual(list(tidy_cli.findings("", helps)), ["no section for whimbrel serve"])

    def test_an_old_table_is_found_and_fixed(self):
        page = "<!-- made from src/base/limits.h by ./run fmt -->\nold\n<!-- end -->\n"
        root = self.tree({"src/base/limits.h": self.LIMITS, "docs/limits.md": page})
        self.assertIn("not what src/base/limits.h says", messages("docs/limits.md", page, root)[0])
        with contextlib.redirect_stdout(io.StringIO()):
            tidy.refresh_tables(root)
        self.assertEqual(messages("docs/limits.md", (root / "docs/limits.md").read_text(encoding="utf-8"), root), [])

    def test_a_module_without_cmake_is_found(self):
        root = self.tree({"src/new/x.h": HEAD})
        self.assertEqual([message for *_, message in tidy.findings_in(root)], ["a module without a CMakeLists.txt"])

    def test_the_exit_code_tells(self):
        for text, code in ((HEAD, 0), ("int f();\n", 1)):
            root = self.tree({"src/base/x.h": text, "src/base/CMakeLists.txt": "# Why.\n", "build/y.h": "\t"})
            with mock.patch("sys.argv", ["tidy", "--root", str(root)]), contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(tidy.main(), code)


if __name__ == "__main__":
    unittest.main()
