// bench all-reduce: peers as processes on loopback, one JSON object a line.
//
// Each iteration starts from a barrier; its time is the longest call of any peer. Buffers are touched before,
// the result is checked after. CPU seconds and peak memory are those of all peer processes together.
#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "options.h"
#include "pattern.h"
#include "peer.h"

namespace {

using namespace stress;

struct Dtype {
    const char* name;
    whim_dtype code;
    Element element;
};
constexpr Dtype kDtypes[] = {{"f32", WHIM_F32, Element::f32}, {"bf16", WHIM_BF16, Element::bf16}};

struct Reduce {
    const char* name;
    whim_reduce code;
    Fold fold;
};
constexpr Reduce kReduces[] = {{"avg", WHIM_AVG, Fold::avg}, {"sum", WHIM_SUM, Fold::sum}};

Reduce reduce_of(const std::string& name) {
    for (const auto& each : kReduces)
        if (name == each.name) return each;
    throw std::runtime_error("--reduce is avg or sum");
}

Dtype dtype_of(const std::string& name) {
    for (const auto& each : kDtypes)
        if (name == each.name) return each;
    throw std::runtime_error("--dtype is f32 or bf16");
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

uint64_t peak_rss_bytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<uint64_t>(usage.ru_maxrss) << 10;
}

// Says "joined"; on "go ITERATIONS PEERS" says "time NS" for each and "end CPU_S RSS CHECKED".
int peer_role(const Options& options) {
    const Dtype dtype = dtype_of(options.text("dtype", "f32"));
    const Reduce reduce = reduce_of(options.text("reduce", "avg"));
    const size_t count = options.number("bytes", 0) / element_bytes(dtype.element);
    const uint64_t key = key_of(1, options.text("name", ""), 0);
    std::vector<unsigned char> in(count * element_bytes(dtype.element)), out(in.size());
    make_input(key, dtype.element, 0, count, in.data());
    auto group = join(options.text("invite", ""), options.text("security", "tls"), options.text("name", ""));
    std::cout << "joined" << std::endl;

    std::string order;
    uint64_t iterations = 0, peers = 0;
    if (!(std::cin >> order >> iterations >> peers)) return 1;
    auto begin = group.round_begin();
    begin.get(kPatienceMs);
    if (begin.round_info().world_size != peers)
        throw std::runtime_error("the round began without some peers");

    constexpr uint64_t kWarmUps = 2;
    double cpu_before = 0;
    bool right = true;
    for (uint64_t i = 0; i < kWarmUps + iterations; ++i) {
        if (i == kWarmUps) cpu_before = cpu_seconds();
        whim_collective_options sync = WHIM_COLLECTIVE_OPTIONS_INIT;
        sync.tag = 1;
        group.barrier(&sync).get(kPatienceMs);
        auto op = group.all_reduce(in.data(), out.data(), count, dtype.code, reduce.code);
        op.get(kPatienceMs);
        if (i >= kWarmUps) std::cout << "time " << op.info().elapsed_ns << std::endl;
    }
    const double cpu = cpu_seconds() - cpu_before;
    if (!options.has("no-check")) {
        std::vector<Contribution> all;
        for (uint32_t rank = 0; rank < peers; ++rank)
            all.push_back({key_of(1, begin.round_member(WHIM_ROUND_PARTICIPANTS, rank).name, 0), 1.0f});
        right = first_wrong(all, dtype.element, reduce.fold, 0, count, out.data()) == count;
    }
    std::cout << "end " << cpu << ' ' << peak_rss_bytes() << ' ' << (right ? "right" : "wrong") << std::endl;
    while (std::cin >> order) {}
    return 0;
}

std::string first_line_of(const char* command) {
    char line[256] = {};
    if (FILE* pipe = popen(command, "r")) {
        if (!std::fgets(line, sizeof line, pipe)) line[0] = '\0';
        pclose(pipe);
    }
    line[std::strcspn(line, "\n")] = '\0';
    return line[0] ? line : "unknown";
}

std::string processor() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
    utsname name{};
    uname(&name);
    return name.machine;
}

struct Totals {
    std::vector<double> seconds;  // of each iteration, longest peer
    double cpu_s = 0;
    uint64_t rss_bytes = 0;
};

Totals measure(const Options& options, uint64_t peers, uint64_t bytes, uint64_t iterations) {
    const std::string security = options.text("security", "tls");
    const ScratchDirectory scratch;
    const Coordinator coordinator = start_coordinator(scratch.path(), security, peers);
    std::vector<Child> children;
    for (uint64_t i = 0; i < peers; ++i) {
        std::vector<std::string> arguments{"--role",     "peer",
                                           "--invite",   coordinator.invite,
                                           "--security", security,
                                           "--name",     "peer" + std::to_string(i),
                                           "--bytes",    std::to_string(bytes),
                                           "--dtype",    options.text("dtype", "f32"),
                                           "--reduce",   options.text("reduce", "avg")};
        if (options.has("no-check")) arguments.push_back("--no-check");
        children.push_back(Child::start(arguments));
    }
    for (auto& child : children) child.expect("joined", Millis(kPatienceMs));
    for (auto& child : children) child.say("go " + std::to_string(iterations) + " " + std::to_string(peers));
    Totals totals;
    totals.seconds.resize(iterations, 0);
    for (auto& child : children) {
        for (auto& longest : totals.seconds)
            longest = std::max(longest, 1e-9 * std::stod(child.expect("time", Millis(kPatienceMs))));
        double cpu = 0;
        uint64_t rss = 0;
        std::string verdict;
        std::istringstream(child.expect("end", Millis(kPatienceMs))) >> cpu >> rss >> verdict;
        if (verdict != "right") throw std::runtime_error("a result is wrong");
        totals.cpu_s += cpu;
        totals.rss_bytes += rss;
    }
    return totals;
}

int bench(const Options& options) {
    const uint64_t peers = options.number("peers", 4), iterations = options.number("iters", 10);
    const uint64_t bytes = parse_bytes(options.text("bytes", "64MiB"));
    if (peers == 0 || iterations == 0 || bytes == 0)
        throw std::runtime_error("--peers, --iters and --bytes: at least 1");
    dtype_of(options.text("dtype", "f32"));
    reduce_of(options.text("reduce", "avg"));
    const Totals totals = measure(options, peers, bytes, iterations);
    const double typical = median(totals.seconds),
                 best = *std::min_element(totals.seconds.begin(), totals.seconds.end());
    const double algbw = static_cast<double>(bytes) / typical / 1e9;
    const double busbw = algbw * 2.0 * static_cast<double>(peers - 1) / static_cast<double>(peers);
    const double cpu = totals.cpu_s / static_cast<double>(iterations);
    const std::string dtype = options.text("dtype", "f32"), reduce = options.text("reduce", "avg");
    const std::string security = options.text("security", "tls");
    if (!options.has("json"))
        std::printf(
            "all-reduce of %llu bytes %s %s, %llu peers, security %s: median %.2f ms, min %.2f ms, algbw "
            "%.3f GB/s, "
            "busbw %.3f GB/s, %.3f CPU s each, peak %.0f MiB a peer; %s\n",
            static_cast<unsigned long long>(bytes), dtype.c_str(), reduce.c_str(),
            static_cast<unsigned long long>(peers), security.c_str(), typical * 1e3, best * 1e3, algbw, busbw,
            cpu, static_cast<double>(totals.rss_bytes) / static_cast<double>(peers) / 1048576.0,
            options.has("no-check") ? "not checked" : "checked");
    else
        std::printf(
            "{\"bench\": \"all_reduce\", \"peers\": %llu, \"bytes\": %llu, \"dtype\": \"%s\", \"reduce\": "
            "\"%s\", "
            "\"security\": \"%s\", \"iters\": %llu, \"median_s\": %.6f, \"min_s\": %.6f, \"algbw_gb_s\": "
            "%.4f, "
            "\"busbw_gb_s\": %.4f, \"cpu_s\": %.4f, \"rss_bytes_sum\": %llu, \"checked\": %s, \"commit\": "
            "\"%s\", "
            "\"machine\": \"%s, %u cores\"}\n",
            static_cast<unsigned long long>(peers), static_cast<unsigned long long>(bytes), dtype.c_str(),
            reduce.c_str(), security.c_str(), static_cast<unsigned long long>(iterations), typical, best,
            algbw, busbw, cpu, static_cast<unsigned long long>(totals.rss_bytes),
            options.has("no-check") ? "false" : "true",
            first_line_of("git rev-parse --short HEAD 2>/dev/null").c_str(), processor().c_str(),
            std::thread::hardware_concurrency());
    return 0;
}

}  // namespace

constexpr const char* kUsage =
    R"(usage: ./run bench all-reduce [--peers 4] [--bytes 64MiB] [--dtype f32|bf16] [--reduce avg|sum]
                              [--security tls|none] [--iters 10] [--json] [--no-check]
)";

int main(int argc, char** argv) try {
    const Options options(
        argc, argv,
        {"peers", "bytes", "dtype", "reduce", "security", "iters", "role", "dir", "invite", "name", "listen"},
        {"json", "no-check", "help"});
    const std::string role = options.text("role", "");
    if (options.has("help")) return std::fputs(kUsage, stdout) < 0;
    if (role == "coordinator") return coordinator_role(options);
    if (role == "peer") return peer_role(options);
    return bench(options);
} catch (const std::exception& problem) {
    std::fprintf(stderr, "bench all-reduce: %s\n", problem.what());
    return 1;
}
