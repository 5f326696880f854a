// The battery: cases by count and data, and for each of them the properties in turn.
#include "collectives/codec/conformance.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>

#include "base/custom_name.h"
#include "base/prng.h"

namespace whim {
namespace {

constexpr size_t kGuard = 64;
constexpr auto kGuardByte = std::byte{0x5a};
constexpr const char* kProperties[] = {"bytes_max", "bounds",     "accepts",   "length",  "repeats", "opens",
                                       "finite",    "accumulate", "truncated", "hostile", "pieces"};

// So many items of T between guards.
template <class T> class Guarded {
public:
    explicit Guarded(size_t count, std::byte fill = kGuardByte, std::byte guard = kGuardByte)
        : bytes_(count * sizeof(T)), guard_(guard), memory_(2 * kGuard + bytes_, guard) {
        std::fill_n(memory_.begin() + kGuard, bytes_, fill);
    }
    std::span<T> items() { return {reinterpret_cast<T*>(memory_.data() + kGuard), bytes_ / sizeof(T)}; }
    bool whole() const {
        const auto same = [this](std::byte b) { return b == guard_; };
        return std::all_of(memory_.begin(), memory_.begin() + kGuard, same) &&
               std::all_of(memory_.end() - kGuard, memory_.end(), same);
    }

private:
    size_t bytes_;
    std::byte guard_;
    std::vector<std::byte> memory_;
};

bool same_bits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

enum class Data { zeros, negative_zeros, ones, ramp, subnormal, extreme, ordinary, wild };
constexpr const char* kDataNames[] = {"zeros",     "negative zeros", "ones",     "ramp",
                                      "subnormal", "extreme",        "ordinary", "wild"};

float element(Data data, size_t i, float most, Prng& prng) {
    const float u = prng.unit_float() * 2 - 1;
    switch (data) {
        case Data::zeros: return 0.0f;
        case Data::negative_zeros: return -0.0f;
        case Data::ones: return i % 2 == 0 ? 1.0f : -1.0f;
        case Data::ramp: return static_cast<float>(i % 1000) - 3.0f;
        case Data::subnormal: return std::bit_cast<float>(static_cast<uint32_t>(prng.next()) & 0x807fffffu);
        case Data::extreme: return i % 3 == 0 ? most : i % 3 == 1 ? -most : 0.0f;
        case Data::ordinary: return u;
        case Data::wild: return std::ldexp(u, static_cast<int>(prng.between(-120, 120)));
    }
    return 0.0f;
}

std::vector<float> make(Data data, size_t count, float most) {
    Prng prng(count * 31 + static_cast<size_t>(data));
    std::vector<float> out(count);
    for (size_t i = 0; i < count; ++i) out[i] = std::clamp(element(data, i, most, prng), -most, most);
    return out;
}

std::string list(std::span<const float> values) {
    constexpr size_t kSaid = 8;
    std::string text = "[";
    for (size_t i = 0; i < std::min(values.size(), kSaid); ++i)
        text += fmt::format("{}{:.9g}", i == 0 ? "" : ", ", values[i]);
    return text + (values.size() > kSaid ? ", ...]" : "]");
}

std::string hex(ByteSpan bytes) {
    constexpr size_t kSaid = 16;
    std::string text;
    for (const std::byte b : bytes.first(std::min(bytes.size(), kSaid)))
        text += fmt::format("{:02x}", static_cast<unsigned>(b));
    return text.empty() ? "none" : text + (bytes.size() > kSaid ? "..." : "");
}

class Battery {
public:
    explicit Battery(const CodecParts& parts)
        : parts_(parts), name_(custom_text(parts.name, parts.parameters)) {}

    ConformanceReport run() {
        for (const size_t count : counts()) {
            check_bytes_max(count);
            for (size_t d = 0; d < std::size(kDataNames); ++d) {
                const auto data = static_cast<Data>(d);
                const std::vector<float> values = make(data, count, parts_.magnitude_max);
                input_ = fmt::format("input: {} elements, {}, {}", count, kDataNames[d], list(values));
                ++cases_;
                check_case(values);
            }
        }
        return report();
    }

private:
    // 0, 1, around a block and two, and primes.
    std::vector<size_t> counts() const {
        const size_t block = parts_.cut_elements == Codec::kUncut ? 16 : parts_.cut_elements;
        std::vector<size_t> out = {0,  1,   2,   7, block - 1, block, block + 1, 2 * block, 2 * block + 1,
                                   31, 127, 1021};
        std::sort(out.begin(), out.end());
        out.erase(std::unique(out.begin(), out.end()), out.end());
        return out;
    }

    void broken(const char* property, const std::string& what, const std::string& where) {
        found_.try_emplace(property, what + "; " + where);
    }
    void broken(const char* property, const std::string& what) { broken(property, what, input_); }

    void check_bytes_max(size_t count) {
        const std::string where = fmt::format("input: {} elements", count);
        const size_t most = parts_.bytes_max(count);
        if (most != parts_.bytes_max(count)) broken("bytes_max", "it changes from call to call", where);
        if (count > 0 && most < parts_.bytes_max(count - 1))
            broken("bytes_max", fmt::format("it is {}, and more for one element less", most), where);
        if (most > kBytesMax) broken("bytes_max", fmt::format("it is {}", most), where);
    }

    // Nothing that can be used further when it fails.
    std::optional<Bytes> encode(std::span<const float> values, uint64_t first) {
        const size_t most = parts_.bytes_max(values.size());
        if (most > kBytesMax) return std::nullopt;
        Guarded<std::byte> room(most);
        const std::vector<float> copy(values.begin(), values.end());
        const auto bytes = parts_.encode(
            {.values = copy, .dither = {7, 11}, .first = first, .screened = true}, room.items());
        if (!room.whole()) {
            broken("bounds", fmt::format("encode writes outside its {} bytes", most));
            return std::nullopt;
        }
        if (!bytes) {
            broken("accepts", "encode fails");
            return std::nullopt;
        }
        if (*bytes > most) {
            broken("length", fmt::format("encode says {} bytes, bytes_max {}", *bytes, most));
            return std::nullopt;
        }
        return Bytes(room.items().begin(), room.items().begin() + static_cast<std::ptrdiff_t>(*bytes));
    }

    // What is decoded, over memory that held something else; nothing when refused.
    std::optional<std::vector<float>> decode(ByteSpan bytes, size_t count, std::byte before = kGuardByte) {
        Guarded<float> room(count, before);
        const Bytes exact(bytes.begin(), bytes.end());
        const bool good = parts_.decode(exact, room.items());
        if (!room.whole()) broken("bounds", fmt::format("decode writes outside its {} elements", count));
        if (!good) return std::nullopt;
        return std::vector<float>(room.items().begin(), room.items().end());
    }

    void check_case(const std::vector<float>& values) {
        const std::optional<Bytes> bytes = encode(values, 0);
        if (!bytes) return;
        check_repeats(values, *bytes);
        const auto whole = decode(*bytes, values.size());
        if (!whole) return broken("opens", "decode refuses what encode made: " + hex(*bytes));
        const auto again = decode(*bytes, values.size(), std::byte{0x33});
        if (!again || !same_bits(*whole, *again))
            broken("repeats", "decode gives other elements the second time, or leaves some unwritten");
        for (const float x : *whole) {
            if (!std::isfinite(x)) return broken("finite", fmt::format("an element decodes to {}", x));
        }
        check_accumulate(*bytes, *whole, input_);
        check_truncated(*bytes, values.size());
        if (values.size() > 0) check_hostile(*bytes, values.size());
        check_pieces(values, *whole);
    }

    // Also after something else went through it.
    void check_repeats(const std::vector<float>& values, const Bytes& bytes) {
        const auto second = encode(values, 0);
        (void)encode(std::vector<float>(5, 0.5f), 0);
        const auto third = encode(values, 0);
        if (second != bytes || third != bytes)
            broken("repeats", "encode gives other bytes of the same elements later");
    }

    void check_accumulate(ByteSpan bytes, const std::vector<float>& whole, const std::string& where) {
        if (!parts_.accumulate) return;
        Prng prng(5);
        for (const float weight : {1.0f, 0.5f, 3.7f, 0.0f}) {
            // Zeros show what is added, other bytes what is stored.
            Guarded<float> acc(whole.size(), kGuardByte, weight == 1.0f ? kGuardByte : std::byte{0});
            std::vector<float> wanted(whole.size());
            for (size_t i = 0; i < whole.size(); ++i) {
                acc.items()[i] = wanted[i] = prng.unit_float();
                const float product = weight * whole[i];
                wanted[i] = wanted[i] + product;
            }
            const Bytes exact(bytes.begin(), bytes.end());
            if (!parts_.accumulate(exact, weight, acc.items()))
                return broken("accumulate", "it refuses what decode takes", where);
            if (!acc.whole())
                return broken("bounds",
                              fmt::format("accumulate writes outside its {} elements", whole.size()), where);
            const auto at = std::mismatch(wanted.begin(), wanted.end(), acc.items().begin()).first;
            if (at != wanted.end()) {
                const auto i = static_cast<size_t>(at - wanted.begin());
                return broken("accumulate",
                              fmt::format("with weight {} element {} becomes {:.9g}, decoded and added it is "
                                          "{:.9g}",
                                          weight, i, acc.items()[i], wanted[i]),
                              where);
            }
        }
    }

    void check_refused(ByteSpan bytes, size_t count, const std::string& where) {
        if (!parts_.accumulate) return;
        Guarded<float> acc(count, std::byte{0});
        const Bytes exact(bytes.begin(), bytes.end());
        if (parts_.accumulate(exact, 1.0f, acc.items()))
            broken("accumulate", "it takes what decode refuses: " + hex(bytes), where);
        if (!acc.whole())
            broken("bounds", fmt::format("accumulate writes outside its {} elements", count), where);
    }

    // What is shorter or longer is refused.
    void check_truncated(const Bytes& bytes, size_t count) {
        std::vector<size_t> lengths;
        for (size_t n = 0; n < bytes.size(); n += std::max<size_t>(1, bytes.size() / 16))
            lengths.push_back(n);
        if (!bytes.empty()) lengths.push_back(bytes.size() - 1);
        for (const size_t n : lengths) {
            if (decode(ByteSpan(bytes).first(n), count))
                return broken("truncated",
                              fmt::format("decode takes the first {} of {} bytes", n, bytes.size()));
            check_refused(ByteSpan(bytes).first(n), count, input_);
        }
        Bytes longer = bytes;
        while (longer.size() < std::min(parts_.bytes_max(count), bytes.size() + 4)) {
            longer.push_back(std::byte{0});
            if (decode(longer, count))
                return broken("truncated", fmt::format("decode takes {} bytes after the end of {}",
                                                       longer.size() - bytes.size(), bytes.size()));
        }
    }

    // From anybody: refused, or finite elements, the same each time and in every way.
    void check_hostile(const Bytes& good, size_t count) {
        if (count > 130) return;  // as telling, and slow
        Prng prng(count);
        for (int trial = 0; trial < 48; ++trial) {
            Bytes bytes = good;
            if (trial % 2 == 0) {
                bytes.resize(prng.below(parts_.bytes_max(count) + 1));
                for (std::byte& b : bytes) b = static_cast<std::byte>(trial % 6 == 0 ? 0xff : prng.next());
            } else if (!bytes.empty()) {
                bytes[prng.below(bytes.size())] ^= static_cast<std::byte>(1u << prng.below(8));
            }
            const std::string where =
                fmt::format("input: {} bytes {} as {} elements", bytes.size(), hex(bytes), count);
            const auto first = decode(bytes, count), second = decode(bytes, count, std::byte{0x33});
            if (first.has_value() != second.has_value() || (first && !same_bits(*first, *second)))
                broken("repeats", "decode answers otherwise the second time", where);
            if (!first) {
                check_refused(bytes, count, where);
                continue;
            }
            const bool finite =
                std::all_of(first->begin(), first->end(), [](float x) { return std::isfinite(x); });
            if (!finite) broken("hostile", "decode takes bytes that stand for what is not finite", where);
            if (finite) check_accumulate(bytes, *first, where);
        }
    }

    void check_pieces(const std::vector<float>& values, const std::vector<float>& whole) {
        const size_t cut = parts_.cut_elements;
        if (cut == Codec::kUncut || values.size() <= cut) return;
        for (size_t at = cut; at < values.size(); at += cut * std::max<size_t>(1, values.size() / cut / 4)) {
            const auto piece = std::span(values).subspan(at);
            const auto bytes = encode(piece, at);
            const auto elements = bytes ? decode(*bytes, piece.size()) : std::nullopt;
            if (!elements || !same_bits(*elements, std::span(whole).subspan(at)))
                return broken("pieces",
                              fmt::format("what begins at element {} decodes otherwise by itself than "
                                          "in the whole",
                                          at));
        }
    }

    ConformanceReport report() const {
        if (found_.empty())
            return {true, fmt::format("codec {}: all {} properties hold in {} cases", name_,
                                      std::size(kProperties), cases_)};
        std::string text =
            fmt::format("codec {}: {} of {} properties broken", name_, found_.size(), std::size(kProperties));
        for (const char* property : kProperties) {
            const auto found = found_.find(property);
            if (found != found_.end()) text += fmt::format("\n{}: {}", property, found->second);
        }
        return {false, text};
    }

    static constexpr size_t kBytesMax = 16u << 20;  // of some thousand elements: no bound at all

    const CodecParts& parts_;
    const std::string name_;
    std::string input_;
    size_t cases_ = 0;
    std::map<std::string, std::string> found_;
};

}  // namespace

ConformanceReport codec_conformance(const CodecParts& parts) { return Battery(parts).run(); }

}  // namespace whim
