// Strong identifiers: two ids of different kinds never mix, and none is ever reused.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

namespace whim {

template <class Tag, class T> struct StrongId {
    T value{};
    constexpr auto operator<=>(const StrongId&) const = default;
    constexpr StrongId next() const { return {static_cast<T>(value + 1)}; }
};

using Epoch = StrongId<struct EpochTag, uint64_t>;              // number of a view
using Round = StrongId<struct RoundTag, uint64_t>;              // first round is 1; 0 = none
using Incarnation = StrongId<struct IncarnationTag, uint64_t>;  // given at admission; 0 = none / coordinator
using FencingToken = StrongId<struct FencingTag, uint64_t>;     // rises with every coordinator start
using Rank = StrongId<struct RankTag, uint32_t>;                // valid in one member list only
using ChunkIndex = StrongId<struct ChunkTag, uint32_t>;

// BLAKE2b-256 of a peer's public key (with security none: 32 random bytes made at start).
struct PeerId {
    std::array<uint8_t, 32> bytes{};
    auto operator<=>(const PeerId&) const = default;
    bool is_zero() const { return *this == PeerId{}; }
};

std::string to_hex(const PeerId& id);      // 64 digits
std::string short_name(const PeerId& id);  // first 8 digits, for logs

// What a view lists: a restarted process is a new member.
struct MemberId {
    PeerId peer;
    Incarnation incarnation;
    auto operator<=>(const MemberId&) const = default;
};

std::string short_name(const MemberId& id);  // "3f9a01bc#4"

// Identity of an op: the round it was born in, the caller's tag, and which use of that tag in the round.
struct OpId {
    Round round;
    uint64_t tag = 0;
    uint32_t instance = 0;
    auto operator<=>(const OpId&) const = default;
};

std::string to_string(const OpId& op);  // "r12/t7", "r12/t7.2", of a pair "r12/t7.2 of ranks 0 and 3"

// An op of two members that name each other is called by no one else, who would count the tag's uses
// otherwise. Its instance says which two, and which use of the tag by them: below limits::kPairOpsPerTagMax.
uint32_t pair_instance(Rank a, Rank b, uint32_t use);
bool is_pair(const OpId& op);
uint32_t use_of(const OpId& op);  // of its tag in the round, by all or by the pair

// 128-bit digest of shared state (XXH3-128, big-endian canonical form).
struct Digest {
    std::array<uint8_t, 16> bytes{};
    auto operator<=>(const Digest&) const = default;
};

std::string to_hex(const Digest& digest);

}  // namespace whim
