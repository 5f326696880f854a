// `whimbrel bench links`: round trips at rest, then what each link delivers: one sender at a time broadcasts
// to all others, or all at once all-reduce. Every peer ends up with the whole matrix and prints it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/bench_run.h"
#include "cli/matrix.h"
#include "cli/words.h"

namespace whim::cli {
namespace {

constexpr auto kRest = std::chrono::milliseconds(2500);  // some ten heartbeats
constexpr double kLoadSeconds = 3;                       // of all at once
constexpr double kTurnsMax = 100;
constexpr uint32_t kPatienceMs = 600'000;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

// n * n figures, row to column; each peer fills in its own and gets all. 0: not measured.
using Figures = std::vector<double>;

Figures measure_round_trips(BenchRun& run) {
    run.barrier();
    std::this_thread::sleep_for(kRest);
    const auto links = run.links();
    Figures mine(run.peers() * run.peers());
    for (size_t to = 0; to < links.size(); ++to)
        mine[run.rank() * run.peers() + to] = static_cast<double>(links[to].rtt_min_ns) / 1e9;
    return run.sum(mine);
}

// As receivers see it, from the barrier to the last byte; the better of two, as the first opens the windows.
Figures measure_in_turn(BenchRun& run, std::vector<unsigned char>& buffer) {
    Figures mine(run.peers() * run.peers());
    for (uint32_t turn = 0; turn < 2 * run.peers(); ++turn) {
        const uint32_t source = turn / 2;
        run.barrier();
        const auto begin = Clock::now();
        run.group().broadcast(buffer.data(), buffer.size(), WHIM_U8, source).get(kPatienceMs);
        if (run.rank() == source) continue;
        double& rate = mine[source * run.peers() + run.rank()];
        rate = std::max(rate, static_cast<double>(buffer.size()) / seconds_since(begin));
    }
    return run.sum(mine);
}

// What arrived over each link while all of them worked.
Figures measure_at_once(BenchRun& run, std::vector<unsigned char>& buffer) {
    const size_t count = buffer.size() / sizeof(float);
    const auto call = [&] {
        run.group().all_reduce(buffer.data(), buffer.data(), count, WHIM_F32, WHIM_AVG).get(kPatienceMs);
    };
    run.barrier();
    auto begin = Clock::now();
    call();
    const double slowest = run.max({seconds_since(begin)}).at(0);
    const double turns = std::clamp(kLoadSeconds / slowest, 1.0, kTurnsMax);
    run.barrier();
    const auto before = run.links();
    begin = Clock::now();
    for (int turn = 0; turn < static_cast<int>(turns); ++turn) call();
    const double took = seconds_since(begin);
    const auto after = run.links();
    Figures mine(run.peers() * run.peers());
    for (size_t from = 0; from < after.size(); ++from) {
        mine[from * run.peers() + run.rank()] =
            static_cast<double>(after[from].bytes_received - before[from].bytes_received) / took;
    }
    return run.sum(mine);
}

Matrix round_trips(const BenchRun& run, const Figures& seconds) {
    Matrix m("least round trip", run.names());
    for (size_t i = 0; i < m.cells.size(); ++i) {
        if (seconds[i] <= 0) continue;
        m.cells[i] = {round_trip(static_cast<int64_t>(seconds[i] * 1e6)), seconds[i]};
    }
    return m;
}

Matrix rates(const BenchRun& run, const Figures& bytes_per_s, bool at_once) {
    Matrix m(at_once ? "delivered, all at once" : "delivered, one sender at a time", run.names());
    for (size_t i = 0; i < m.cells.size(); ++i) {
        if (bytes_per_s[i] > 0)
            m.cells[i] = {rate(static_cast<uint64_t>(bytes_per_s[i])), 1 / bytes_per_s[i]};
    }
    return m;
}

void print_json(const BenchRun& run, const BenchLinksCommand& command, const Figures& rtt,
                const Figures& rate) {
    nlohmann::ordered_json links = nlohmann::ordered_json::array();
    for (size_t i = 0; i < rtt.size(); ++i) {
        const size_t from = i / run.peers(), to = i % run.peers();
        if (from == to) continue;
        links.push_back({{"from", from}, {"to", to}, {"rtt_min_ms", rtt[i] * 1e3}, {"bytes_per_s", rate[i]}});
    }
    const nlohmann::ordered_json out = {
        {"bench", "links"},       {"impl", "whimbrel"},     {"security", run.security()},
        {"n", run.peers()},       {"bytes", command.bytes}, {"all_at_once", command.all_at_once},
        {"members", run.names()}, {"links", links},         {"version", whim_version_text()},
        {"commit", commit()},     {"machine", machine()}};
    fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

int run_bench_links(const BenchLinksCommand& command) try {
    BenchRun run(command.run);
    std::vector<unsigned char> buffer(command.bytes / sizeof(float) * sizeof(float));
    const Figures rtt = measure_round_trips(run);
    const Figures rate = command.all_at_once ? measure_at_once(run, buffer) : measure_in_turn(run, buffer);
    const std::vector<Matrix> matrices = {round_trips(run, rtt), rates(run, rate, command.all_at_once)};
    if (command.json) {
        print_json(run, command, rtt, rate);
    } else {
        fmt::print("links   {} peers   security {}   {} bytes; row to column\n\n{}\n{}", run.peers(),
                   run.security(), command.bytes, text_of(matrices[0]), text_of(matrices[1]));
    }
    std::fflush(stdout);
    if (!command.svg.empty() && !(std::ofstream(command.svg) << svg_of(matrices) << std::flush))
        throw std::runtime_error(command.svg + ": cannot be written");
    run.finish();
    return 0;
} catch (const std::exception& problem) { return fail_with(std::string("bench links: ") + problem.what()); }

}  // namespace whim::cli
