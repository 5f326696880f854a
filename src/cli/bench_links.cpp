// `whimbrel bench links`: round trips at rest, then what each link delivers: one sender at a time broadcasts
// to all others, one pair at a time uses its link alone, or all at once all-reduce. Every peer ends up with
// the whole matrix and prints it.
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

// Seconds from the barrier to the last byte, for whoever receives.
double transfer(BenchRun& run, std::vector<unsigned char>& buffer, uint32_t source,
                const whim_collective_options* options, bool takes_part) {
    run.barrier();
    const auto begin = Clock::now();
    if (takes_part)
        run.group().broadcast(buffer.data(), buffer.size(), WHIM_U8, source, options).get(kPatienceMs);
    return seconds_since(begin);
}

// The better of two, as the first opens the windows.
Figures measure_in_turn(BenchRun& run, std::vector<unsigned char>& buffer) {
    Figures mine(run.peers() * run.peers());
    for (uint32_t turn = 0; turn < 2 * run.peers(); ++turn) {
        const uint32_t source = turn / 2;
        const double took = transfer(run, buffer, source, nullptr, true);
        if (run.rank() == source) continue;
        double& rate = mine[source * run.peers() + run.rank()];
        rate = std::max(rate, static_cast<double>(buffer.size()) / took);
    }
    return run.sum(mine);
}

// An op is between all members of its round. Who has left it before it begins is sent nothing of it.
void give_up(BenchRun& run, std::vector<unsigned char>& buffer, const whim_collective_options& options,
             uint32_t source) {
    auto op = run.group().broadcast(buffer.data(), buffer.size(), WHIM_U8, source, &options);
    op.cancel();
    if (whim_op_wait(op.handle(), kPatienceMs) != WHIM_E_CANCELLED)
        throw std::runtime_error("an op of two others was not given up");
}

// One pair at a time. A round for each: when it begins, all have heard that the others gave up the last
// one's.
Figures measure_pairs(BenchRun& run, std::vector<unsigned char>& buffer) {
    Figures mine(run.peers() * run.peers());
    for (uint32_t cell = 0; cell < mine.size(); ++cell) {
        const uint32_t from = cell / run.peers(), to = cell % run.peers();
        if (from == to) continue;
        const bool takes_part = run.rank() == from || run.rank() == to;
        whim_collective_options options = WHIM_COLLECTIVE_OPTIONS_INIT;
        options.round = run.round();
        for (options.tag = 1; options.tag <= 2 && !takes_part; ++options.tag)
            give_up(run, buffer, options, from);
        run.next_round();
        for (options.tag = 1; options.tag <= 2; ++options.tag) {
            const double took = transfer(run, buffer, from, &options, takes_part);
            if (run.rank() == to)
                mine[cell] = std::max(mine[cell], static_cast<double>(buffer.size()) / took);
        }
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

Figures measure_rates(BenchRun& run, std::vector<unsigned char>& buffer, LinksLoad load) {
    switch (load) {
        case LinksLoad::one_sender: return measure_in_turn(run, buffer);
        case LinksLoad::one_pair: return measure_pairs(run, buffer);
        case LinksLoad::all: return measure_at_once(run, buffer);
    }
    return {};
}

std::string title_of(LinksLoad load) {
    switch (load) {
        case LinksLoad::one_sender: return "one sender at a time";
        case LinksLoad::one_pair: return "one pair at a time";
        case LinksLoad::all: return "all at once";
    }
    return {};
}

Matrix round_trips(const BenchRun& run, const Figures& seconds) {
    Matrix m("least round trip", run.names());
    for (size_t i = 0; i < m.cells.size(); ++i) {
        if (seconds[i] <= 0) continue;
        m.cells[i] = {round_trip(static_cast<int64_t>(seconds[i] * 1e6)), seconds[i]};
    }
    return m;
}

Matrix rates(const BenchRun& run, const Figures& bytes_per_s, LinksLoad load) {
    Matrix m("delivered, " + title_of(load), run.names());
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
        {"n", run.peers()},       {"bytes", command.bytes}, {"load", title_of(command.load)},
        {"members", run.names()}, {"links", links},         {"version", whim_version_text()},
        {"commit", commit()},     {"machine", machine()}};
    fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

int run_bench_links(const BenchLinksCommand& command) try {
    BenchRun run(command.run);
    std::vector<unsigned char> buffer(command.bytes / sizeof(float) * sizeof(float));
    const Figures rtt = measure_round_trips(run);
    const Figures rate = measure_rates(run, buffer, command.load);
    const std::vector<Matrix> matrices = {round_trips(run, rtt), rates(run, rate, command.load)};
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
