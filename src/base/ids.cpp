// Readable forms of identifiers.
#include "base/ids.h"

#include <algorithm>
#include <span>

#include "base/limits.h"

namespace whim {
namespace {

// An instance of a pair: a bit that says so, the use of the tag, the lower rank, the higher.
constexpr uint32_t kPairBit = 1u << 31;
constexpr uint32_t kRankBits = 10, kUseShift = 2 * kRankBits, kRankMask = (1u << kRankBits) - 1;
static_assert(limits::kMembersMax <= 1u << kRankBits);
static_assert(uint64_t{limits::kPairOpsPerTagMax} << kUseShift <= kPairBit);

std::string hex(std::span<const uint8_t> bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const uint8_t b : bytes) {
        out.push_back(kDigits[b >> 4]);
        out.push_back(kDigits[b & 15]);
    }
    return out;
}

}  // namespace

std::string to_hex(const PeerId& id) { return hex(id.bytes); }
std::string short_name(const PeerId& id) { return hex(std::span(id.bytes).first(4)); }
std::string to_hex(const Digest& digest) { return hex(digest.bytes); }

std::string short_name(const MemberId& id) {
    return short_name(id.peer) + "#" + std::to_string(id.incarnation.value);
}

std::string to_string(const OpId& op) {
    std::string out = "r" + std::to_string(op.round.value) + "/t" + std::to_string(op.tag);
    if (use_of(op) != 0) out += "." + std::to_string(use_of(op));
    if (is_pair(op))
        out += " of ranks " + std::to_string(op.instance >> kRankBits & kRankMask) + " and " +
               std::to_string(op.instance & kRankMask);
    return out;
}

uint32_t pair_instance(Rank a, Rank b, uint32_t use) {
    const auto [low, high] = std::minmax(a.value, b.value);
    return kPairBit | use << kUseShift | low << kRankBits | high;
}

bool is_pair(const OpId& op) { return (op.instance & kPairBit) != 0; }

uint32_t use_of(const OpId& op) { return is_pair(op) ? (op.instance & ~kPairBit) >> kUseShift : op.instance; }

}  // namespace whim
