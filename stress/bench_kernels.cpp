// Speed of fold() beside memcpy: GB/s counts every byte read and written once, so the two are comparable.
//   ./run bench kernels --benchmark_filter='f32|copy' --benchmark_out=kernels.json
//   --benchmark_out_format=json
// Sizes: 256 KiB (a chunk, in cache) and 64 MiB per buffer (in memory). Ends with a table of goals and what
// was reached.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "base/prng.h"
#include "collectives/reducer/fold.h"
#include "stress/kernel_goals.h"

namespace {

using namespace whim;

constexpr size_t kChunk = 256u << 10;
constexpr size_t kLarge = 64u << 20;

void count_bytes(benchmark::State& state, size_t buffers, size_t bytes) {
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * buffers * bytes));
}

void copy(benchmark::State& state) {
    const size_t bytes = static_cast<size_t>(state.range(0));
    const Bytes from(bytes, std::byte{1});
    Bytes to(bytes, std::byte{2});
    for (auto _ : state) {
        std::memcpy(to.data(), from.data(), bytes);
        benchmark::ClobberMemory();
    }
    count_bytes(state, 2, bytes);
}

// Numbers between 1 and 2 in any format: the top byte of the exponent decides.
Bytes ones(Dtype dtype, size_t bytes) {
    Bytes out(bytes);
    const size_t width = dtype_bytes(dtype);
    Prng random(bytes);
    for (size_t i = 0; i < bytes; ++i) {
        const bool top = i % width == width - 1;
        out[i] = top ? std::byte{0x3f} : static_cast<std::byte>(random.below(0x80));
    }
    return out;
}

void fold_speed(benchmark::State& state, Reduce reduce, Dtype dtype) {
    const size_t count = static_cast<size_t>(state.range(0));
    const size_t bytes = static_cast<size_t>(state.range(1));
    const std::vector<Bytes> storage(count, ones(dtype, bytes));
    std::vector<FoldInput> inputs;
    for (const Bytes& b : storage) inputs.push_back({b, 2.0f});
    Bytes out(bytes);
    for (auto _ : state) {
        fold(reduce, dtype, inputs, out);
        benchmark::ClobberMemory();
    }
    count_bytes(state, count + 1, bytes);
}

void scan_speed(benchmark::State& state, Dtype dtype) {
    const size_t bytes = static_cast<size_t>(state.range(0));
    const Bytes in = ones(dtype, bytes);
    for (auto _ : state) benchmark::DoNotOptimize(first_non_finite(dtype, in));
    count_bytes(state, 1, bytes);
}

void sizes(benchmark::internal::Benchmark* b) { b->ArgsProduct({{2, 4, 8}, {kChunk, kLarge}}); }

BENCHMARK(copy)->Arg(kChunk)->Arg(kLarge);
BENCHMARK_CAPTURE(fold_speed, f32_sum, Reduce::sum, Dtype::f32)->Apply(sizes);
BENCHMARK_CAPTURE(fold_speed, f32_avg, Reduce::avg, Dtype::f32)->Apply(sizes);
BENCHMARK_CAPTURE(fold_speed, bf16_avg, Reduce::avg, Dtype::bf16)->Apply(sizes);
BENCHMARK_CAPTURE(fold_speed, f16_avg, Reduce::avg, Dtype::f16)->Apply(sizes);
BENCHMARK_CAPTURE(fold_speed, i8_sum, Reduce::sum, Dtype::i8)->Apply(sizes);
BENCHMARK_CAPTURE(scan_speed, f32, Dtype::f32)->Arg(kChunk)->Arg(kLarge);

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    stress::GoalsReporter reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    benchmark::Shutdown();
}
