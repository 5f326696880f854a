"""What the pure modules must not touch: threads, clocks, chance, sockets, process exit, files, globals and any order
that differs from one run or machine to the next. All of it reaches them as inputs, or not at all."""

import re

from arrows import PURE

MAY_END_THE_PROCESS = "src/base/assert.cpp"

STATEMENT = r"(?:^|[;{}()=,?]|(?<!:):(?!:)|\breturn)\s*(?:::)?"  # where a call by its plain name can stand

BANNED_CODE = [
    (r"\bstd::(?:jthread|thread|this_thread|async|future|promise|packaged_task)\b", "threads"),
    (r"\bstd::(?:\w*mutex|\w+_lock|lock_guard|condition_variable\w*|call_once|once_flag|latch|barrier|"
     r"counting_semaphore|binary_semaphore)\b", "locks"),
    (r"\bstd::atomic\w*\b", "atomics: one thread steps a pure module"),
    (STATEMENT + r"(?:sleep|usleep|nanosleep|sleep_for|sleep_until)\s*\(", "sleeping"),
    (r"\b(?:system_clock|steady_clock|high_resolution_clock|gettimeofday|clock_gettime|timespec_get)\b", "clocks"),
    (STATEMENT + r"(?:std::)?(?:time|clock)\s*\(\s*(?:nullptr|NULL|0|&\w+)?\s*\)", "clocks"),
    (r"\b(?:random_device|mt19937(?:_64)?|default_random_engine|minstd_rand0?|uniform_(?:int|real)_distribution|"
     r"normal_distribution|bernoulli_distribution)\b|\bstd::(?:rand|srand|shuffle)\b", "chance other than whim::Prng"),
    (STATEMENT + r"(?:rand|srand|random|drand48|getrandom|arc4random)\s*\(", "chance other than whim::Prng"),
    (r"\bunordered_(?:multi)?(?:map|set)\b", "unordered containers"),
    (r"\bstd::(?:multi)?(?:map|set)<\s*(?:const\s+)?[\w:]+\s*\*", "containers ordered by address"),
    (r"\basio::", "sockets"),
    (STATEMENT + r"(?:socket|bind|connect|accept|listen|sendto|recvfrom|getaddrinfo|poll|epoll_wait)\s*\(\s*"
     r"(?:AF_|\w*(?:fd|sock)\w*\s*,)", "sockets"),
    (STATEMENT + r"(?:(?:exit|_exit|_Exit|quick_exit)\s*\(|abort\s*\(\s*\))"
     r"|\bstd::(?:exit|_Exit|quick_exit|abort|terminate)\b",
     "ending the process"),
    (STATEMENT + r"(?:fopen|open|getenv|system|popen|fork)\s*\(|\bstd::(?:getenv|system|fopen)\b",
     "files, environment and processes"),
    (r"\bstd::(?:cout|cerr|clog|[io]?fstream)\b|" + STATEMENT + r"f?printf\s*\(", "printing"),
    (r"\bcuda[A-Z]\w*|\bnccl[A-Z]\w*", "CUDA and NCCL"),
    (r"\bthread_local\b", "globals"),
]

BANNED_INCLUDES = re.compile(
    r"^\s*#\s*include\s*<(thread|mutex|shared_mutex|condition_variable|future|atomic|chrono|random|ctime|time\.h|"
    r"unordered_map|unordered_set|iostream|fstream|filesystem|sys/[\w.]+|netinet/[\w.]+|arpa/[\w.]+|netdb\.h|"
    r"unistd\.h|fcntl\.h|poll\.h|pthread\.h|cuda[\w./]*|nccl[\w./]*)>")

STATIC_VARIABLE = re.compile(
    r"^[ \t]*(?:inline[ \t]+)?static[ \t]+([^();{}=]*[\w>\]])[ \t]*(?:=|;|\{[^\n]*\};)", re.MULTILINE)
GLOBAL_VARIABLE = re.compile(  # our namespaces are not indented: a definition at column 0 is a global
    r"^(?!(?:using|typedef|return|namespace|template|struct|class|enum|union|extern|static|friend|else|goto)\b)"
    r"([A-Za-z_][\w:<>,*& \t]*[\s*&>]\w+(?:\[[^\]\n]*\])?)[ \t]*(?:=[^=]|;|\{[^\n]*\};)", re.MULTILINE)
CONSTANT = re.compile(r"\bconst(?:expr)?\b")

COMPILED = [(re.compile(pattern, re.MULTILINE), what) for pattern, what in BANNED_CODE]


def is_pure(path):
    return any(path.startswith(module + "/") for module in PURE)


def check_purity(source):
    if not is_pure(source.path) or not source.is_cpp:
        return
    for number, line in enumerate(source.lines, 1):
        hit = BANNED_INCLUDES.match(line)
        if hit:
            yield number, f"a pure module may not include <{hit[1]}>"
    for pattern, what in COMPILED:
        if source.path == MAY_END_THE_PROCESS and what in ("ending the process", "printing"):
            continue
        for hit in pattern.finditer(source.code):
            word = hit.group().strip("\n ;{}()=,?:")
            yield source.line_of(hit.end() - 1), f"a pure module knows no {what}: {word}"
    yield from check_globals(source)


def check_globals(source):
    for pattern in (STATIC_VARIABLE, GLOBAL_VARIABLE):
        for hit in pattern.finditer(source.code):
            if not CONSTANT.search(hit[1]):
                yield source.line_of(hit.start(1)), f"a pure module has no mutable globals: {hit[1].strip()}"
