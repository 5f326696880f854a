// Speed of the codecs beside memcpy, as part of bench_kernels. GB/s counts every byte read and written once:
// encoding reads 4 bytes an element and writes the code; accumulating reads code and sum and writes the sum.
// Where the buffers do not fit the cache, a kernel's rate over memcpy's is how near it comes to being bound
// by memory.
//   encode          with the look for what cannot be encoded
//   encode_screened without: the caller has looked
//   encode_mean     of sums over a weight
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "collectives/codec/parse.h"

namespace {

using namespace whim;

constexpr int64_t kChunk = 64 << 10;  // elements: 256 KiB
constexpr int64_t kLarge = 16 << 20;  // 64 MiB

enum class What { encode, encode_screened, encode_mean, decode, accumulate };

// Nearly Gaussian, so that codes and scales are of the usual kind.
std::vector<float> ordinary(size_t count) {
    Prng random(count);
    std::vector<float> out(count);
    for (float& x : out) {
        for (int i = 0; i < 4; ++i) x += random.unit_float() - 0.5f;
    }
    return out;
}

void codec_speed(benchmark::State& state, const std::string& text, What what) {
    const CodecPtr codec = *parse_codec(text);
    const auto count = static_cast<size_t>(state.range(0));
    const std::vector<float> x = ordinary(count);
    std::vector<float> sums(count, 1.0f);
    Bytes bytes(codec->encoded_bytes_max(count));
    const Values in{.values = x,
                    .divisor = what == What::encode_mean ? 3.0f : 1.0f,
                    .dither = {1, 2},
                    .screened = what == What::encode_screened};
    const size_t written = *codec->encode(in, bytes);
    const ByteSpan code = ByteSpan(bytes).first(written);
    for (auto _ : state) {
        switch (what) {
            case What::encode:
            case What::encode_screened:
            case What::encode_mean: benchmark::DoNotOptimize(codec->encode(in, bytes).ok()); break;
            case What::decode: benchmark::DoNotOptimize(codec->decode(code, sums).ok()); break;
            case What::accumulate: benchmark::DoNotOptimize(codec->accumulate(code, 0.5f, sums).ok()); break;
        }
        benchmark::ClobberMemory();
    }
    const size_t floats = what == What::accumulate ? 8 * count : 4 * count;
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(floats + written));
    state.counters["floats"] = benchmark::Counter(  // bytes of floats a second: what of a buffer gets done
        static_cast<double>(state.iterations()) * static_cast<double>(4 * count), benchmark::Counter::kIsRate,
        benchmark::Counter::kIs1000);
    state.counters["bits"] = 8.0 * static_cast<double>(written) / static_cast<double>(count);
}

const bool registered = [] {
    const std::pair<const char*, What> kinds[] = {{"encode", What::encode},
                                                  {"encode_screened", What::encode_screened},
                                                  {"encode_mean", What::encode_mean},
                                                  {"decode", What::decode},
                                                  {"accumulate", What::accumulate}};
    for (const char* text : {"bf16", "fp16", "int8", "int4", "int2", "uint8", "e4m3", "e5m2", "e2m1", "e3m0",
                             "sign", "int8:round=stochastic", "int4:round=stochastic", "topk:1/64",
                             "topk:1/64,index=packed", "bf16+zstd", "int8+zstd"}) {
        for (const auto& [name, what] : kinds) {
            benchmark::RegisterBenchmark((std::string(text) + "/" + name).c_str(), codec_speed,
                                         std::string(text), what)
                ->Arg(kChunk)
                ->Arg(kLarge);
        }
    }
    return true;
}();

}  // namespace
