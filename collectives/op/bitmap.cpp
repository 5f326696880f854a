// Conversions between sets, bitmaps and ranges.
#include "collectives/op/bitmap.h"

#include <fmt/format.h>

#include <algorithm>

#include "collectives/plan/graph.h"

namespace whim::op {

std::vector<uint8_t> to_bitmap(const std::vector<bool>& set) {
    std::vector<uint8_t> bitmap((set.size() + 7) / 8, 0);
    for (size_t i = 0; i < set.size(); ++i) {
        if (set[i]) bitmap[i / 8] = static_cast<uint8_t>(bitmap[i / 8] | (1u << (i % 8)));
    }
    return bitmap;
}

std::vector<bool> from_bitmap(const std::vector<uint8_t>& bitmap, uint32_t count) {
    std::vector<bool> set(count, false);
    for (uint32_t i = 0; i < count && i / 8 < bitmap.size(); ++i) set[i] = (bitmap[i / 8] >> (i % 8)) & 1;
    return set;
}

namespace {

// "1000", if all are alike, or "1000, 1000, 999 ..."
std::string parts_in_words(const std::vector<uint64_t>& parts) {
    constexpr size_t kSaid = 8;
    if (std::all_of(parts.begin(), parts.end(), [&](uint64_t p) { return p == parts[0]; }))
        return std::to_string(parts[0]);
    std::string text;
    for (size_t i = 0; i < std::min(parts.size(), kSaid); ++i)
        text += (i > 0 ? ", " : "") + std::to_string(parts[i]);
    return parts.size() > kSaid ? text + " ..." : text;
}

// "8 steps by Chebyshev on a ring, of 1024 f32, 512 elements a chunk"
std::string describe_gossip(const wire::OpDescriptor& d) {
    const wire::GossipTerms& terms = d.gossip;
    std::string text = d.collective == Collective::pair_average ? "pair average, " : "neighbour average, ";
    text += std::to_string(terms.steps) + (terms.steps == 1 ? " step" : " steps");
    if (terms.chebyshev) text += " by Chebyshev";
    text += " on the graph " + std::string(gossip::kind_name(static_cast<gossip::GraphKind>(terms.graph)));
    if (terms.first_step > 0) text += " from step " + std::to_string(terms.first_step);
    if (terms.seed > 0) text += " of seed " + std::to_string(terms.seed);
    if (terms.edges > 0) text += " with digest " + std::to_string(terms.edges);
    if (terms.grace_ms > 0) text += " with a grace of " + std::to_string(terms.grace_ms) + " ms";
    return text + ", of " + std::to_string(d.elements) + " " + std::string(dtype_name(d.dtype)) + ", " +
           std::to_string(d.chunk_elements) + " elements a chunk";
}

}  // namespace

std::string describe(const wire::OpDescriptor& d) {
    if (collective_gossips(d.collective)) return describe_gossip(d);
    const std::string reduction = d.reducer.empty() ? std::string(reduce_name(d.reduce)) : d.reducer;
    const std::string what = d.collective == Collective::all_gather       ? "all_gather"
                             : d.collective == Collective::reduce_scatter ? "reduce_scatter, " + reduction
                                                                          : reduction;
    std::string text = what + " of " + std::to_string(d.elements) + " " + std::string(dtype_name(d.dtype));
    if (!d.parts.empty()) text += " in parts of " + parts_in_words(d.parts);
    if (d.tensors > 0) text += fmt::format(" in {} tensors (lengths {:016x})", d.tensors, d.tensors_digest);
    if (!d.codec.empty()) text += " as " + d.codec;
    if (!d.reducer.empty() && dtype_is_float(d.dtype) && !d.finite) text += " of any values, NaN among them";
    if (d.plan != 0) text += fmt::format(" by plan {:016x}", d.plan);
    if (d.uniform) text += " (uniform)";
    if (d.source != UINT32_MAX) text += " from rank " + std::to_string(d.source);
    if (d.min_contributors > 1) text += ", at least " + std::to_string(d.min_contributors) + " contributors";
    return text + ", " + std::to_string(d.chunk_elements) + " elements a chunk";
}

std::vector<wire::ChunkRange> to_ranges(const std::vector<uint32_t>& chunks) {
    std::vector<wire::ChunkRange> ranges;
    for (const uint32_t c : chunks) {
        if (!ranges.empty() && ranges.back().first + ranges.back().count == c) ++ranges.back().count;
        else ranges.push_back({c, 1});
    }
    return ranges;
}

}  // namespace whim::op
