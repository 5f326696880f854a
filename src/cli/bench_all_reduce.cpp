// `whimbrel bench all-reduce`: time, bandwidth, CPU and memory of all-reduces of growing size. An iteration
// begins with a barrier and takes as long as its slowest peer; every result is checked: for its very bits,
// or, through a codec, for being the same everywhere and nearer to the exact one than zeros are.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/prng.h"
#include "cli/bench_run.h"

namespace whim::cli {
namespace {

constexpr uint32_t kPatienceMs = 600'000;
constexpr uint32_t kWarmUps = 2;

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double peak_rss_mib() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        double kib = 0;
        if (word == "VmHWM:" && status >> kib) return kib / 1024;
    }
    return 0;
}

uint16_t bf16_of(float value) {  // nearest, ties to even; values here are finite
    uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Small whole numbers: their sum is exact in f32 whatever the order, so that a result is right or wrong.
float value_at(uint32_t rank, size_t index) {
    const uint32_t mixed = static_cast<uint32_t>(index) * 2654435761u + (rank + 1) * 2246822519u;
    return static_cast<float>(static_cast<int>(mixed >> 24) - 128);
}

class Buffers {
public:
    Buffers(uint64_t bytes, bool bf16, uint32_t rank)
        : bf16_(bf16), count_(bytes / element_bytes()), in_(count_ * element_bytes()), out_(in_.size()) {
        for (size_t i = 0; i < count_; ++i) put(in_.data(), i, value_at(rank, i));
    }
    void call(whimbrel::Group& group, whim_reduce reduce, const std::string& codec) {
        whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
        options.codec = codec.c_str();
        group.all_reduce(in_.data(), out_.data(), count_, bf16_ ? WHIM_BF16 : WHIM_F32, reduce, &options)
            .get(kPatienceMs);
    }
    bool right(size_t peers, whim_reduce reduce) const {
        unsigned char wanted[sizeof(float)];
        for (size_t i = 0; i < count_; ++i) {
            float sum = 0;
            for (uint32_t rank = 0; rank < peers; ++rank) sum += value_at(rank, i);
            put(wanted, 0, reduce == WHIM_AVG ? sum / static_cast<float>(peers) : sum);
            if (std::memcmp(wanted, out_.data() + i * element_bytes(), element_bytes()) != 0) return false;
        }
        return true;
    }
    // Of f32: root mean square of what is wrong with the result, over that of the exact one.
    double error(size_t peers, whim_reduce reduce) const {
        double wrong = 0, all = 0;
        for (size_t i = 0; i < count_; ++i) {
            double exact = 0;
            for (uint32_t rank = 0; rank < peers; ++rank) exact += value_at(rank, i);
            if (reduce == WHIM_AVG) exact /= static_cast<double>(peers);
            float got = 0;
            std::memcpy(&got, out_.data() + 4 * i, sizeof got);
            wrong += (got - exact) * (got - exact);
            all += exact * exact;
        }
        return all > 0 ? std::sqrt(wrong / all) : 0;
    }
    // Of the result's bytes, as a whole number that a double holds.
    double digest() const {
        uint64_t mixed = 0;
        for (size_t at = 0; at < bytes(); at += sizeof(uint64_t)) {
            uint64_t word = 0;
            std::memcpy(&word, out_.data() + at, std::min<size_t>(sizeof word, bytes() - at));
            mixed = mix64(mixed ^ word);
        }
        return static_cast<double>(mixed >> 12);
    }
    uint64_t bytes() const { return in_.size(); }

private:
    size_t element_bytes() const { return bf16_ ? 2 : 4; }
    void put(unsigned char* to, size_t index, float value) const {
        const uint16_t half = bf16_of(value);
        if (bf16_) std::memcpy(to + 2 * index, &half, sizeof half);
        else std::memcpy(to + 4 * index, &value, sizeof value);
    }

    bool bf16_;
    size_t count_;
    std::vector<unsigned char> in_, out_;
};

struct Row {
    uint64_t bytes = 0;
    double median_s = 0, min_s = 0, cpu_s = 0,
           rss_mib = 0;  // CPU of all peers, an iteration; the largest peer
    double error = 0;    // with a codec
};

// All peers throw, or none does. A result of zeros would have an error of 1.
void check_result(BenchRun& run, const Buffers& buffers, bool coded, whim_reduce reduce, double error) {
    const double mine = buffers.digest();
    const bool right = coded ? error < 1 : buffers.right(run.peers(), reduce);
    const auto all = run.max({right ? 0.0 : 1.0, mine, -mine});
    if (all.at(0) > 0)
        throw std::runtime_error(fmt::format("a result of {} bytes is wrong", buffers.bytes()));
    if (all.at(1) != -all.at(2))
        throw std::runtime_error(fmt::format("results of {} bytes differ", buffers.bytes()));
}

Row measure(BenchRun& run, const BenchAllReduceCommand& command, uint64_t bytes) {
    const whim_reduce reduce = command.reduce == "sum" ? WHIM_SUM : WHIM_AVG;
    Buffers buffers(bytes, command.dtype == "bf16", run.rank());
    std::vector<double> mine;
    double cpu = 0;
    for (uint32_t i = 0; i < kWarmUps + command.iterations; ++i) {
        if (i == kWarmUps) cpu = cpu_seconds();
        run.barrier();
        const auto begin = std::chrono::steady_clock::now();
        buffers.call(run.group(), reduce, command.codec);
        if (i >= kWarmUps)
            mine.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    run.barrier();  // what the last iteration left to be done counts as well
    cpu = cpu_seconds() - cpu;
    std::vector<double> times = run.max(mine);
    std::sort(times.begin(), times.end());
    const double rss_mib = peak_rss_mib();
    const double error = command.codec == "none" ? 0 : buffers.error(run.peers(), reduce);
    if (command.check) check_result(run, buffers, command.codec != "none", reduce, error);
    const size_t half = times.size() / 2;
    const double median = times.size() % 2 == 1 ? times[half] : (times[half - 1] + times[half]) / 2;
    return {.bytes = buffers.bytes(),
            .median_s = median,
            .min_s = times.front(),
            .cpu_s = run.sum({cpu}).at(0) / command.iterations,
            .rss_mib = run.max({rss_mib}).at(0),
            .error = error};
}

void print_row(const BenchRun& run, const BenchAllReduceCommand& command, const Row& row) {
    const double algbw = static_cast<double>(row.bytes) / row.median_s;
    const auto n = static_cast<double>(run.peers());
    const double busbw = algbw * 2 * (n - 1) / n;
    if (!command.json) {
        fmt::print("{:>12} {:>11.3f} {:>11.3f} {:>11.2f} {:>11.2f} {:>9.4f} {:>8.0f} {:>9.2g}\n", row.bytes,
                   row.median_s * 1e3, row.min_s * 1e3, algbw / 1e6, busbw / 1e6, row.cpu_s, row.rss_mib,
                   row.error);
    } else {
        const nlohmann::ordered_json line = {{"bench", "all-reduce"},
                                             {"impl", "whimbrel"},
                                             {"security", run.security()},
                                             {"n", run.peers()},
                                             {"bytes", row.bytes},
                                             {"dtype", command.dtype},
                                             {"reduce", command.reduce},
                                             {"codec", command.codec},
                                             {"iters", command.iterations},
                                             {"checked", command.check},
                                             {"median_ms", row.median_s * 1e3},
                                             {"min_ms", row.min_s * 1e3},
                                             {"algbw", algbw},
                                             {"busbw", busbw},
                                             {"cpu_s", row.cpu_s},
                                             {"rss_mib", row.rss_mib},
                                             {"error", row.error},
                                             {"version", whim_version_text()},
                                             {"commit", commit()},
                                             {"machine", machine()}};
        fmt::print("{}\n", line.dump());
    }
    std::fflush(stdout);
}

}  // namespace

int run_bench_all_reduce(const BenchAllReduceCommand& command) try {
    if (command.bytes_to < command.bytes_from) throw std::runtime_error("--bytes FROM..TO: TO is below FROM");
    BenchRun run(command.run);
    if (!command.json) {
        fmt::print("all-reduce   {} peers   {} {}   codec {}   security {}   {}\n\n", run.peers(),
                   command.dtype, command.reduce, command.codec, run.security(),
                   command.check ? "checked" : "not checked");
        fmt::print("{:>12} {:>11} {:>11} {:>11} {:>11} {:>9} {:>8} {:>9}\n", "bytes", "median ms", "min ms",
                   "algbw MB/s", "busbw MB/s", "CPU s", "RSS MiB", "error");
    }
    for (uint64_t bytes = command.bytes_from; bytes <= command.bytes_to; bytes *= command.factor) {
        print_row(run, command, measure(run, command, bytes));
    }
    run.finish();
    return 0;
} catch (const std::exception& problem) {
    return fail_with(std::string("bench all-reduce: ") + problem.what());
}

}  // namespace whim::cli
