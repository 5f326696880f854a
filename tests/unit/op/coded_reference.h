// What an op with a codec must give, computed element by element from docs/reference/codecs.md and coding.h:
// decode every contribution, add in birth order, divide, encode and decode once more (not of sparse codecs).
#pragma once

#include <vector>

#include "base/ids.h"
#include "base/prng.h"
#include "collectives/codec/codec.h"
#include "collectives/reducer/custom_reducer.h"

namespace whim::op {

struct CodedInput {
    uint32_t rank = 0;
    std::vector<float> elements;  // of the part that is looked at
    float weight = 1.0f;
};

// What a reducer of the application makes of f32 contributions.
inline std::vector<float> custom_reference(const CustomReducer& reducer,
                                           const std::vector<CodedInput>& inputs) {
    std::vector<FoldInput> folds;
    std::vector<uint32_t> ranks;
    for (const CodedInput& in : inputs) {
        folds.push_back({std::as_bytes(std::span(in.elements)), in.weight});
        ranks.push_back(in.rank);
    }
    std::vector<float> out(inputs.front().elements.size());
    std::vector<std::byte> room;
    const auto into = std::as_writable_bytes(std::span(out));
    if (!reducer.reduce({.inputs = folds, .ranks = ranks}, into, room).ok()) out.clear();
    return out;
}

// first: where the part begins in the buffer; a place where the codec may cut. kept: of reduce_scatter.
inline std::vector<float> coded_reference(const Codec& codec, Reduce reduce, const OpId& id,
                                          const std::vector<CodedInput>& inputs, uint64_t first,
                                          bool kept = false, const ReducerPtr& reducer = nullptr) {
    const uint64_t seed = mix64(mix64(mix64(id.round.value) ^ id.tag) ^ id.instance);
    const auto through = [&](const std::vector<float>& elements, uint64_t stream) {
        Bytes bytes(codec.encoded_bytes_max(elements.size()));
        const auto size = codec.encode({.values = elements, .dither = {seed, stream}, .first = first}, bytes);
        std::vector<float> decoded(elements.size());
        if (!size.ok() || !codec.decode(ByteSpan(bytes).first(*size), decoded).ok()) decoded.clear();
        return decoded;
    };
    const size_t count = inputs.front().elements.size();
    if (reduce == Reduce::copy) return through(inputs.front().elements, inputs.front().rank + 1);
    if (reducer) {
        std::vector<CodedInput> decoded = inputs;
        for (CodedInput& in : decoded) in.elements = through(in.elements, in.rank + 1);
        const std::vector<float> made = custom_reference(*reducer, decoded);
        return kept ? made : through(made, 0);
    }
    std::vector<float> sums(count, 0.0f);
    float weights = 0.0f;
    for (const CodedInput& in : inputs) {
        const float weight = reduce == Reduce::avg ? in.weight : 1.0f;
        const std::vector<float> decoded = through(in.elements, in.rank + 1);
        for (size_t i = 0; i < count; ++i) {
            const float product = weight * decoded.at(i);
            sums[i] = sums[i] + product;
        }
        weights += weight;
    }
    if (reduce == Reduce::avg) {
        for (float& sum : sums) sum = sum / weights;
    }
    return codec.sparse() || kept ? sums : through(sums, 0);
}

}  // namespace whim::op
