// Bits in and out, and the two codes over them.
#include "collectives/codec/index_code.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "base/limits.h"

namespace whim::codec {
namespace {

class BitWriter {
public:
    explicit BitWriter(std::byte* out) : out_(out), begin_(out) {}

    // count <= 32, bits below 2^count.
    void put(uint64_t bits, unsigned count) {
        word_ |= bits << filled_;
        filled_ += count;
        for (; filled_ >= 8; filled_ -= 8, word_ >>= 8) *out_++ = static_cast<std::byte>(word_);
    }
    void put_zeros(size_t count) {
        for (; count > 32; count -= 32) put(0, 32);
        put(0, static_cast<unsigned>(count));
    }
    // Pads with zeros; returns the bytes written.
    size_t finish() {
        if (filled_ > 0) put(0, 8 - filled_);
        return static_cast<size_t>(out_ - begin_);
    }

private:
    std::byte* out_;
    std::byte* const begin_;
    uint64_t word_ = 0;
    unsigned filled_ = 0;
};

class BitReader {
public:
    explicit BitReader(ByteSpan in) : in_(in) {}

    // count <= 32; past the end there is nothing, once and for all.
    uint32_t take(unsigned count) {
        fill();
        if (count > filled_) return fail();
        const auto bits = static_cast<uint32_t>(word_ & ((uint64_t{1} << count) - 1));
        drop(count);
        return bits;
    }
    // Zeros before the next one, which is taken too; fails when there are more than most.
    size_t take_zeros(size_t most) {
        for (size_t zeros = 0;;) {
            fill();
            if (filled_ == 0) return fail();
            const unsigned run = std::min(static_cast<unsigned>(std::countr_zero(word_)), filled_);
            zeros += run;
            if (zeros > most) return fail();
            if (run < filled_) {
                drop(run + 1);
                return zeros;
            }
            drop(run);
        }
    }
    bool failed() const { return failed_; }
    // Bytes up to the one that the last bit was taken from; nullopt unless the rest of its bits are zeros.
    std::optional<size_t> finish() const {
        const unsigned rest = filled_ % 8;
        if (failed_ || (word_ & ((uint64_t{1} << rest) - 1)) != 0) return std::nullopt;
        return at_ - filled_ / 8;
    }

private:
    void fill() {
        for (; filled_ <= 48 && at_ < in_.size(); filled_ += 8) {
            word_ |= static_cast<uint64_t>(in_[at_++]) << filled_;
        }
    }
    void drop(unsigned count) {
        word_ = count == 64 ? 0 : word_ >> count;
        filled_ -= count;
    }
    uint32_t fail() {
        failed_ = true;
        return 0;
    }

    ByteSpan in_;
    size_t at_ = 0;
    uint64_t word_ = 0;
    unsigned filled_ = 0;
    bool failed_ = false;
};

unsigned packed_bits(size_t bound) { return static_cast<unsigned>(std::bit_width(bound - 1)); }

}  // namespace

int rice_parameter(size_t bound, size_t count) {
    WHIM_ASSERT(count > 0 && count <= bound && bound <= limits::kTopKChunkMax);  // so that squares fit
    // The largest r with 2^(r - 1/2) <= 0.69 * bound / count, in squares of whole numbers.
    const uint64_t most = 4761ull * bound * bound;  // 10000 * 0.69^2 * bound^2
    const uint64_t each = 10000ull * count * count;
    int r = 0;
    while (r < 31 && most / each >= (uint64_t{1} << (2 * r + 1))) ++r;
    return r;
}

size_t index_bytes_max(IndexCode code, size_t bound, size_t count) {
    if (code == IndexCode::packed) return (count * packed_bits(bound) + 7) / 8;
    const auto r = static_cast<unsigned>(rice_parameter(bound, count));
    return (count * (1 + r) + ((bound - count) >> r) + 7) / 8;  // the gaps add up to bound - count at most
}

size_t write_indexes(IndexCode code, size_t bound, std::span<const uint32_t> indexes, std::byte* out) {
    BitWriter bits(out);
    if (code == IndexCode::packed) {
        for (const uint32_t index : indexes) bits.put(index, packed_bits(bound));
        return bits.finish();
    }
    const auto r = static_cast<unsigned>(rice_parameter(bound, indexes.size()));
    uint32_t next = 0;  // the least that the next index can be
    for (const uint32_t index : indexes) {
        const uint32_t gap = index - next;
        bits.put_zeros(gap >> r);
        bits.put(1, 1);
        bits.put(gap & ((1u << r) - 1), r);
        next = index + 1;
    }
    return bits.finish();
}

std::optional<size_t> read_indexes(IndexCode code, size_t bound, ByteSpan bytes,
                                   std::span<uint32_t> indexes) {
    BitReader bits(bytes);
    const auto r = static_cast<unsigned>(rice_parameter(bound, indexes.size()));
    size_t next = 0;
    for (uint32_t& index : indexes) {
        size_t value = 0;
        if (code == IndexCode::packed) {
            value = bits.take(packed_bits(bound));
        } else {
            value = next + (bits.take_zeros(bound >> r) << r);
            value += bits.take(r);
        }
        if (bits.failed() || value < next || value >= bound) return std::nullopt;
        index = static_cast<uint32_t>(value);
        next = value + 1;
    }
    return bits.finish();
}

}  // namespace whim::codec
