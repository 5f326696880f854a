// What a codec does with bytes from the network, with any text and with any floats. The input: which codec, a
// count, a mode, then the payload, the text or the floats.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/assert.h"
#include "collectives/codec/parse.h"

namespace {

using namespace whim;

constexpr const char* kCodecs[] = {"none",
                                   "bf16",
                                   "fp16",
                                   "int8",
                                   "int4",
                                   "int2",
                                   "uint8",
                                   "uint4",
                                   "uint2",
                                   "e4m3",
                                   "e5m2",
                                   "e2m1",
                                   "e3m0",
                                   "sign",
                                   "int8:block=16,scale=e8m0,round=stochastic",
                                   "e2m1:block=48,scale=fp16,round=stochastic",
                                   "e3m0:block=whole,scale=fp32",
                                   "uint4:block=16,scale=e8m0,round=stochastic",
                                   "bf16:round=stochastic",
                                   "topk:1/8,chunk=64",
                                   "topk:1/8,chunk=64,index=packed,values=uint4",
                                   "topk:1/3,chunk=256,values=sign",
                                   "bf16+zstd",
                                   "none+zstd",
                                   "int8+zstd",
                                   "topk:1/8,chunk=64+zstd"};

// Decoded elements are finite, and what is refused writes nothing.
void payload(const Codec& codec, size_t count, ByteSpan bytes) {
    std::vector<float> out(count, 77), acc(count, 1);
    const bool usual = codec.check(bytes, count).ok();
    WHIM_ASSERT(codec.decode(bytes, out).ok() == usual);
    WHIM_ASSERT(codec.accumulate(bytes, 0.5f, acc).ok() == usual);
    for (size_t i = 0; i < count; ++i) {
        WHIM_ASSERT(usual ? std::isfinite(out[i]) : out[i] == 77 && acc[i] == 1);
    }
}

// What is encoded can be decoded; what cannot is refused for a value that is named.
void floats(const Codec& codec, ByteSpan bytes) {
    std::vector<float> x(std::min<size_t>(bytes.size() / sizeof(float), 2048));
    if (!x.empty()) std::memcpy(x.data(), bytes.data(), x.size() * sizeof(float));
    Values in{.values = x, .dither = {1, 2}};
    Bytes out(codec.encoded_bytes_max(x.size()));
    const auto refused = codec.first_refused(in);
    const auto written = codec.encode(in, out);
    WHIM_ASSERT(written.ok() == !refused);
    if (!refused) return payload(codec, x.size(), ByteSpan(out).first(*written));
    WHIM_ASSERT(!(std::fabs(x[*refused]) <= codec.magnitude_max()));
    in.screened = true;  // a caller's mistake; it harms no memory
    WHIM_ASSERT(codec.encode(in, out).ok());
}

void text(ByteSpan bytes) {
    const auto codec = parse_codec({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (!codec.ok()) return;
    const auto again = parse_codec((*codec)->text());
    WHIM_ASSERT(again.ok() && (*again)->text() == (*codec)->text());
    floats(**codec, std::as_bytes(std::span("0123456789abcdef0123456789abcdef")));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 4) return 0;
    const auto codec = parse_codec(kCodecs[data[0] % std::size(kCodecs)]);
    const size_t count = data[1] | static_cast<size_t>(data[2] % 8) << 8;
    const auto rest = std::as_bytes(std::span(data, size)).subspan(4);
    switch (data[3] % 3) {
        case 0: payload(**codec, count, rest); break;
        case 1: floats(**codec, rest); break;
        case 2: text(rest); break;
    }
    return 0;
}
