// When the policy goes on and when it begins anew, and losses that move its choice.
#include "tests/sim/policy.h"

#include <cstring>

#include "engine/saw.h"

namespace whim::sim {
namespace {

constexpr uint64_t kElements = 60;
constexpr double kEta = 0.01;

template <class T> std::vector<T> numbers(ByteSpan bytes) {
    std::vector<T> all(bytes.size() / sizeof(T));
    if (!all.empty()) std::memcpy(all.data(), bytes.data(), bytes.size());
    return all;
}

double norm2(ByteSpan floats) {
    double sum = 0;
    for (const float x : numbers<float>(floats)) sum += double{x} * double{x};
    return sum;
}

}  // namespace

bool Policy::drawn(uint64_t seed, const ScriptStyle& style) {
    return mix64(mix64(seed) ^ 0xdb3) % 100 < style.backup_workers;
}

// The rule: who takes part in a round that directly follows a committed one, with nobody joined and nobody to
// be healed, has seen what all others have.
bool Policy::enter(const RoundInfo& round) {
    const bool same = round.joined.empty() && !round.healing_any && policy_;
    const bool goes_on = same && round.committed.value + 1 == round.round.value;
    const bool told = same && !goes_on && choice() < policy_->members();
    const auto members = static_cast<uint32_t>(round.participants.size());
    round_ = round.round;
    if (goes_on) policy_->resize(members);
    else policy_.emplace(members, 1, kEta);
    return told;
}

OpScript Policy::script(uint64_t tag) const {
    OpScript op;
    op.tag = tag;
    op.min_contributors = choice();
    op.grace = milliseconds(20 + static_cast<int64_t>(mix64(seed_) % 200));
    return op;
}

OpScript Policy::gradient() const {
    OpScript op = script(kPolicyTag);
    op.elements = kElements;
    return op;
}

OpScript Policy::lists() const {
    OpScript op = script(kListsTag);
    op.dtype = Dtype::f64;
    op.elements = op::agreed_len(policy_->members());
    return op;
}

Bytes Policy::list(const OpInfo* op, ByteSpan own, ByteSpan mean) const {
    op::MemberSaw saw;
    if (op) {
        saw = saw_of(*op);
        saw.own_norm2 = norm2(own);
        saw.mean_norm2 = norm2(mean);
        // Falls faster than a step of this size can explain, so that few are enough; but for each fourth
        // round, after which more are waited for.
        const auto round = static_cast<double>(round_.value);
        saw.loss = (mix64(seed_ ^ round_.value) % 4 == 0 ? 5e4 : 0.0) - 1e4 * round;
    }
    const std::vector<double> made = op::to_agree(saw, policy_->members());
    const auto bytes = std::as_bytes(std::span(made));
    return Bytes(bytes.begin(), bytes.end());
}

void Policy::observe(ByteSpan mean) {
    const std::vector<double> all = numbers<double>(mean);
    if (const auto seen = op::from_agreed(all, policy_->members())) policy_->observe(*seen);
}

}  // namespace whim::sim
