// Outs in the order of their addresses: what overlaps is next to each other.
#include "engine/overlap.h"

#include <algorithm>
#include <string>

namespace whim {
namespace {

struct Range {
    uintptr_t begin = 0, end = 0;
    size_t tensor = 0;
};

Range range_of(ByteSpan bytes, size_t tensor) {
    const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
    return {begin, begin + bytes.size(), tensor};
}

Status overlap(const char* what, size_t one, size_t other) {
    return fail(Code::E_INVALID, std::string(what) + " of tensor " + std::to_string(one) +
                                     " overlaps out of tensor " + std::to_string(other));
}

}  // namespace

Status check_overlaps(std::span<const PostTensor> tensors) {
    std::vector<Range> outs;
    for (size_t t = 0; t < tensors.size(); ++t) {
        if (!tensors[t].out.empty()) outs.push_back(range_of(tensors[t].out, t));
    }
    std::sort(outs.begin(), outs.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    for (size_t i = 1; i < outs.size(); ++i) {
        if (outs[i].begin < outs[i - 1].end) return overlap("out", outs[i].tensor, outs[i - 1].tensor);
    }
    // Of outs that lie apart the last to begin before an in ends is the one that ends last, too.
    for (size_t t = 0; t < tensors.size(); ++t) {
        const bool in_place = tensors[t].in.data() == tensors[t].out.data();
        if (tensors[t].in.empty() || in_place) continue;
        const Range in = range_of(tensors[t].in, t);
        const auto after = std::lower_bound(outs.begin(), outs.end(), in.end,
                                            [](const Range& out, uintptr_t end) { return out.begin < end; });
        if (after != outs.begin() && (after - 1)->end > in.begin)
            return overlap("in", t, (after - 1)->tensor);
    }
    return {};
}

}  // namespace whim
