// Memory in several places, seen as one run of bytes: the tensors of an op behind each other. What also lies
// behind each other in memory is one place, so a flat buffer that is given tensor by tensor is used as if it
// were given whole. Pure; the memory is somebody else's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"

namespace whim::op {

template <class Byte> class Segments {
public:
    using Span = std::span<Byte>;

    Segments() = default;
    Segments(Span whole) { append(whole); }  // implicit: a buffer is memory in one place

    void append(Span more) {
        if (more.empty()) return;
        if (!places_.empty() && end_of(places_.back().bytes) == more.data())
            places_.back().bytes = {places_.back().bytes.data(), places_.back().bytes.size() + more.size()};
        else places_.push_back({size_, more});
        size_ += more.size();
    }

    uint64_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    size_t places() const { return places_.size(); }

    // Bytes [first, first + count), if they lie in one place.
    std::optional<Span> whole(uint64_t first, uint64_t count) const {
        if (count == 0) return Span();
        const Place& place = *at(first, count);
        if (first + count > place.first + place.bytes.size()) return std::nullopt;
        return place.bytes.subspan(first - place.first, count);
    }

    // The same bytes place by place, in order. None of the spans is empty.
    std::vector<Span> pieces(uint64_t first, uint64_t count) const {
        std::vector<Span> found;
        if (count == 0) return found;
        for (auto place = at(first, count); count > 0; ++place) {
            const uint64_t skip = first - place->first;
            const Span piece = place->bytes.subspan(skip, std::min(place->bytes.size() - skip, count));
            found.push_back(piece);
            first += piece.size();
            count -= piece.size();
        }
        return found;
    }

private:
    struct Place {
        uint64_t first = 0;  // its place in the run
        Span bytes;
    };

    static const Byte* end_of(Span span) { return span.data() + span.size(); }

    typename std::vector<Place>::const_iterator at(uint64_t first, uint64_t count) const {
        WHIM_ASSERT(count > 0 && first <= size_ && count <= size_ - first);
        const auto after = std::upper_bound(places_.begin(), places_.end(), first,
                                            [](uint64_t f, const Place& place) { return f < place.first; });
        return after - 1;
    }

    std::vector<Place> places_;
    uint64_t size_ = 0;
};

using InSegments = Segments<const std::byte>;
using OutSegments = Segments<std::byte>;

// Puts pieces behind each other into `to`, which is as long as they are together.
inline void gather(std::span<const ByteSpan> pieces, MutableByteSpan to) {
    for (const ByteSpan piece : pieces) {
        std::memcpy(to.data(), piece.data(), piece.size());
        to = to.subspan(piece.size());
    }
    WHIM_ASSERT(to.empty());
}

// The other way round.
inline void scatter(ByteSpan from, std::span<const MutableByteSpan> pieces) {
    for (const MutableByteSpan piece : pieces) {
        std::memcpy(piece.data(), from.data(), piece.size());
        from = from.subspan(piece.size());
    }
    WHIM_ASSERT(from.empty());
}

// Goes through two runs of equal length together: see(a, b) for spans of equal length, in order, each in one
// place of both.
template <class A, class B, class See>
void walk(const Segments<A>& a, uint64_t first_a, const Segments<B>& b, uint64_t first_b, uint64_t count,
          See see) {
    const auto in_a = a.pieces(first_a, count);
    const auto in_b = b.pieces(first_b, count);
    size_t i = 0, j = 0, at_i = 0, at_j = 0;
    while (i < in_a.size()) {
        const size_t bytes = std::min(in_a[i].size() - at_i, in_b[j].size() - at_j);
        see(in_a[i].subspan(at_i, bytes), in_b[j].subspan(at_j, bytes));
        at_i += bytes, at_j += bytes;
        if (at_i == in_a[i].size()) ++i, at_i = 0;
        if (at_j == in_b[j].size()) ++j, at_j = 0;
    }
}

}  // namespace whim::op
