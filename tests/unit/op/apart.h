// One peer's buffers cut into tensors, each in memory of its own, some of them in place.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "base/prng.h"
#include "collectives/op/segments.h"

namespace whim::op {

// Lengths that add up to `elements`: often around a chunk's, or none, or a prime.
inline std::vector<uint64_t> cut_apart(Prng& prng, uint64_t elements, uint64_t chunk_elements) {
    std::vector<uint64_t> counts;
    for (uint64_t left = elements; left > 0;) {
        const uint64_t lengths[] = {0, 1,  chunk_elements - 1,  chunk_elements, chunk_elements + 1,
                                    7, 13, prng.below(left + 1)};
        counts.push_back(std::min(left, lengths[prng.below(std::size(lengths))]));
        left -= counts.back();
    }
    if (prng.chance(1, 2)) counts.push_back(0);
    return counts;
}

class Apart {
public:
    // in_place: three of four tensors are.
    Apart(std::span<const float> content, std::span<const uint64_t> counts, bool in_place, Prng& prng) {
        for (const uint64_t count : counts) {
            ins_.emplace_back(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(count));
            content = content.subspan(count);
            in_place_.push_back(in_place && prng.chance(3, 4));
            outs_.emplace_back(in_place_.back() ? 0 : count, -77.0f);
        }
    }

    InSegments in() const {
        InSegments all;
        for (const std::vector<float>& tensor : ins_) all.append(std::as_bytes(std::span(tensor)));
        return all;
    }
    OutSegments out() {
        OutSegments all;
        each_out([&](std::vector<float>& tensor) { all.append(std::as_writable_bytes(std::span(tensor))); });
        return all;
    }
    std::vector<float> result() {
        std::vector<float> all;
        each_out([&](auto& tensor) { all.insert(all.end(), tensor.begin(), tensor.end()); });
        return all;
    }
    std::vector<float> input() const {
        std::vector<float> all;
        for (const std::vector<float>& tensor : ins_) all.insert(all.end(), tensor.begin(), tensor.end());
        return all;
    }
    void fill(float value) {
        each_out([&](auto& tensor) { std::fill(tensor.begin(), tensor.end(), value); });
    }

private:
    template <class See> void each_out(See see) {
        for (size_t i = 0; i < ins_.size(); ++i) see(in_place_[i] ? ins_[i] : outs_[i]);
    }

    std::vector<std::vector<float>> ins_, outs_;
    std::vector<bool> in_place_;
};

// Of one peer of a seeded world: all peers cut alike.
inline Apart apart_of(uint64_t seed, uint32_t rank, std::span<const float> content, uint64_t chunk_elements,
                      bool in_place) {
    Prng cuts(seed), places(seed ^ (uint64_t{rank} << 32));
    return Apart(content, cut_apart(cuts, content.size(), chunk_elements), in_place, places);
}

}  // namespace whim::op
