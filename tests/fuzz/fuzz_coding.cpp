// What an op with a codec does with contributions and results from the network. The input: which codec and
// reduction and whether results stay at their root, a count of elements, how many contributors are claimed,
// then the bytes.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "collectives/codec/parse.h"
#include "collectives/op/coding.h"

namespace {

using namespace whim;

constexpr const char* kCodecs[] = {"int8:block=16", "e2m1", "bf16+zstd", "topk:1/4,chunk=16",
                                   "topk:1/8,chunk=64,values=int4,index=packed+zstd"};
constexpr uint32_t kMembers = 5;

bool untouched(const std::vector<float>& out) {
    for (const float x : out) {
        if (x != 77) return false;
    }
    return true;
}

// A result that is refused changes nothing.
void unpack(const op::Coding& coding, size_t count, size_t contributors, ByteSpan bytes) {
    std::vector<float> out(count, 77), sums(count);
    if (!coding.fits(true, count, bytes.size())) return;
    const bool opened = coding.unpack(bytes, contributors, sums, out).ok();
    WHIM_ASSERT(opened || untouched(out));
}

// A fold of a good contribution and one from anybody, or of that alone: refused by name, or a result that
// everybody can open, if it leaves its root.
void fold(const op::Coding& coding, size_t count, bool alone, bool kept, ByteSpan bytes) {
    if (!coding.fits(false, count, bytes.size())) return;
    const std::vector<float> good(count, 0.5f);
    Bytes own(coding.contribution_bytes_max(count)), encoded(coding.result_bytes_max(count));
    own.resize(*coding.contribute(good, 0, {1}, own));
    const op::Coding::Contribution both[] = {{1, own, 2.0f}, {3, bytes, 0.5f}};
    std::vector<float> out(count, 77), sums(count);
    const auto made = coding.fold(std::span(both).subspan(alone), 0, sums, encoded, out);
    if (made.refusal) {
        WHIM_ASSERT(untouched(out) && made.refusal->rank.value_or(3) == 3);
        return;
    }
    if (kept) return;
    std::vector<float> again(count, 77);
    const ByteSpan result = ByteSpan(encoded).first(made.bytes);
    WHIM_ASSERT(coding.unpack(result, alone ? 1 : 2, sums, again).ok());
    for (size_t i = 0; i < count; ++i) WHIM_ASSERT(again[i] == out[i] || out[i] != out[i]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 4) return 0;
    const auto codec = parse_codec(kCodecs[data[0] % std::size(kCodecs)]);
    const bool copies = (data[0] & 0x60) == 0x40, kept = (data[0] & 0x60) == 0x20;
    const Reduce reduce = copies ? Reduce::copy : data[0] & 0x80 ? Reduce::sum : Reduce::avg;
    const op::Coding coding(*codec, reduce, kept, {}, kMembers);
    const size_t count = data[1];
    const auto rest = std::as_bytes(std::span(data, size)).subspan(3);
    if (data[2] & 1) unpack(coding, count, data[2] >> 1, rest);
    else fold(coding, count, copies || data[2] & 2, kept, rest);
    return 0;
}
