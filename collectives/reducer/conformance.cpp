// The battery: cases by dtype, contributors, count and data, and for each of them the properties in turn.
#include "collectives/reducer/conformance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/custom_name.h"
#include "base/prng.h"
#include "collectives/kernels/half.h"

namespace whim {
namespace {

constexpr size_t kGuard = 64;
constexpr auto kGuardByte = std::byte{0x5a};
constexpr const char* kProperties[] = {"bounds", "accepts", "inputs", "repeats", "elementwise"};

enum class Data { zeros, alike, ramp, ordinary, extreme, non_finite };
constexpr const char* kDataNames[] = {"zeros",    "alike",   "ramp",
                                      "ordinary", "extreme", "with NaN and infinity"};

double number(Data data, size_t i, size_t rank, Prng& prng) {
    const double u = static_cast<double>(prng.unit_float()) * 2 - 1;
    switch (data) {
        case Data::zeros: return rank % 2 == 0 ? 0.0 : -0.0;
        case Data::alike: return 1.5;
        case Data::ramp: return static_cast<double>((i * 7 + rank * 3) % 100);
        case Data::ordinary: return u;
        case Data::extreme: return u * 1e38;
        case Data::non_finite: return prng.chance(1, 3) ? (u > 0 ? NAN : INFINITY) : u;
    }
    return 0;
}

void store(Dtype dtype, double value, uint64_t bits, std::byte* to) {
    const auto narrow = static_cast<float>(value);
    uint64_t word = bits;  // integers: any
    if (dtype == Dtype::f32) std::memcpy(&word, &narrow, sizeof narrow);
    if (dtype == Dtype::f64) std::memcpy(&word, &value, sizeof value);
    if (dtype == Dtype::f16) word = f16_from_f32(narrow);
    if (dtype == Dtype::bf16) word = bf16_from_f32(narrow);
    std::memcpy(to, &word, dtype_bytes(dtype));  // little-endian, as everything here
}

// The contributions of one case; vectors of bytes are aligned for every dtype.
struct Case {
    Dtype dtype;
    size_t count;
    std::vector<Bytes> storage;
    std::vector<float> weights;
    std::vector<uint32_t> ranks;

    Case(Dtype dtype, size_t contributors, size_t count, Data data) : dtype(dtype), count(count) {
        Prng prng(contributors * 1009 + count * 31 + static_cast<size_t>(data));
        const size_t width = dtype_bytes(dtype);
        for (size_t k = 0; k < contributors; ++k) {
            Bytes& bytes = storage.emplace_back(count * width);
            for (size_t i = 0; i < count; ++i)
                store(dtype, number(data, i, k, prng), data == Data::zeros ? 0 : prng.next(),
                      bytes.data() + i * width);
            weights.push_back(k % 3 == 2 ? 0.0f : 1.0f + prng.unit_float());
            ranks.push_back(static_cast<uint32_t>(2 * k + 1));
        }
    }
};

std::string words(const Case& c, Data data) {
    constexpr size_t kSaid = 4;
    std::string text = fmt::format("input: {} contributors of {} {}, {}", c.storage.size(), c.count,
                                   dtype_name(c.dtype), kDataNames[static_cast<size_t>(data)]);
    const size_t width = dtype_bytes(c.dtype);
    for (size_t k = 0; k < std::min(c.storage.size(), kSaid) && c.dtype == Dtype::f32; ++k) {
        text += k == 0 ? ": [" : " [";
        for (size_t i = 0; i < std::min(c.count, kSaid); ++i) {
            float x;
            std::memcpy(&x, c.storage[k].data() + i * width, sizeof x);
            text += fmt::format("{}{:.9g}", i == 0 ? "" : ", ", x);
        }
        text += c.count > kSaid ? ", ...]" : "]";
    }
    return text;
}

class Battery {
public:
    explicit Battery(const ReducerParts& parts)
        : parts_(parts), name_(custom_text(parts.name, parts.parameters)) {}

    ReducerReport run() {
        for (uint32_t d = 0; d < kDtypeCount; ++d) {
            if ((parts_.dtypes >> d & 1u) == 0) continue;
            for (const size_t contributors : contributors_tried())
                for (const size_t count : {0, 1, 2, 7, 15, 16, 17, 31, 64, 257}) {
                    for (size_t data = 0; data < std::size(kDataNames); ++data)
                        check_case(static_cast<Dtype>(d), contributors, count, static_cast<Data>(data));
                }
        }
        return report();
    }

private:
    std::vector<size_t> contributors_tried() const {
        std::vector<size_t> out;
        for (const size_t n : {0, 1, 2, 3, 4, 7}) out.push_back(parts_.min_contributors + n);
        return out;
    }

    void broken(const char* property, const std::string& what) {
        found_.try_emplace(property, what + "; " + where_);
    }

    // Elements [begin, end) of the case; nothing when it failed. before: what the result's memory held.
    std::optional<Bytes> reduce(const Case& c, size_t begin, size_t end, std::byte before) {
        const size_t width = dtype_bytes(c.dtype), bytes = (end - begin) * width;
        std::vector<Bytes> copies;
        std::vector<FoldInput> inputs;
        for (const Bytes& all : c.storage) {
            const ByteSpan part = ByteSpan(all).subspan(begin * width, bytes);
            copies.emplace_back(part.begin(), part.end());
        }
        for (size_t k = 0; k < copies.size(); ++k) inputs.push_back({copies[k], c.weights[k]});
        const std::vector<Bytes> given = copies;
        Bytes room(2 * kGuard + bytes, kGuardByte);
        const MutableByteSpan out = MutableByteSpan(room).subspan(kGuard, bytes);
        std::fill(out.begin(), out.end(), before);
        const bool good = parts_.reduce({.dtype = c.dtype, .inputs = inputs, .ranks = c.ranks}, out);
        const auto guard = [](std::byte b) { return b == kGuardByte; };
        if (!std::all_of(room.begin(), room.begin() + kGuard, guard) ||
            !std::all_of(room.end() - kGuard, room.end(), guard))
            broken("bounds", "it writes outside its result");
        if (copies != given) broken("inputs", "it changes its inputs");
        if (!good) return std::nullopt;
        return Bytes(out.begin(), out.end());
    }

    void check_case(Dtype dtype, size_t contributors, size_t count, Data data) {
        const Case c(dtype, contributors, count, data);
        where_ = words(c, data);
        ++cases_;
        const auto first = reduce(c, 0, count, std::byte{0});
        if (!first && data != Data::non_finite) return broken("accepts", "it fails");
        (void)reduce(Case(dtype, contributors, 5, Data::ordinary), 0, 5, std::byte{0});
        const auto second = reduce(c, 0, count, std::byte{0x33});
        if (first != second)
            return broken("repeats", "it gives another result the second time, or leaves elements unwritten");
        if (first && parts_.elementwise) check_elementwise(c, *first);
    }

    void check_elementwise(const Case& c, const Bytes& whole) {
        const size_t width = dtype_bytes(c.dtype);
        for (const size_t at : {size_t{1}, c.count / 2, c.count - 1}) {
            if (at == 0 || at >= c.count) continue;
            auto left = reduce(c, 0, at, std::byte{0});
            const auto right = reduce(c, at, c.count, std::byte{0});
            if (left && right) left->insert(left->end(), right->begin(), right->end());
            if (left && right && *left == whole) continue;
            size_t i = 0;
            while (left && right && i < c.count &&
                   std::equal(whole.begin() + static_cast<std::ptrdiff_t>(i * width),
                              whole.begin() + static_cast<std::ptrdiff_t>((i + 1) * width),
                              left->begin() + static_cast<std::ptrdiff_t>(i * width)))
                ++i;
            return broken("elementwise", fmt::format("cut at element {}, element {} becomes another", at, i));
        }
    }

    ReducerReport report() const {
        const size_t tried = std::size(kProperties) - (parts_.elementwise ? 0 : 1);
        if (found_.empty())
            return {true,
                    fmt::format("reducer {}: all {} properties hold in {} cases", name_, tried, cases_)};
        std::string text = fmt::format("reducer {}: {} of {} properties broken", name_, found_.size(), tried);
        for (const char* property : kProperties) {
            const auto found = found_.find(property);
            if (found != found_.end()) text += fmt::format("\n{}: {}", property, found->second);
        }
        return {false, text};
    }

    const ReducerParts& parts_;
    const std::string name_;
    std::string where_;
    size_t cases_ = 0;
    std::map<std::string, std::string> found_;
};

}  // namespace

ReducerReport reducer_conformance(const ReducerParts& parts) { return Battery(parts).run(); }

}  // namespace whim
