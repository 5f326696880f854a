// What the tests of a newcomer's addresses come to.
#include "group/dial_back.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/limits.h"

namespace whim::group {

namespace {

std::string silence() {
    return fmt::format("no answer in {} s (a firewall?)", limits::kReachTestTime.ms() / 1000);
}

}  // namespace

DialBack::DialBack(const std::vector<Address>& addresses, std::vector<uint64_t> numbers, Instant now)
    : until_(addresses.empty() ? now : now + limits::kReachTestTime) {
    WHIM_ASSERT(addresses.size() == numbers.size());
    for (size_t i = 0; i < addresses.size(); ++i) tests_.push_back({addresses[i], numbers[i], {}, {}});
}

bool DialBack::asks(uint64_t number) const {
    return std::any_of(tests_.begin(), tests_.end(),
                       [&](const Test& t) { return t.number == number && t.state == State::open; });
}

void DialBack::answered(uint64_t number, bool reached, const std::string& cause, Instant now) {
    for (Test& t : tests_) {
        if (t.number != number || t.state != State::open) continue;
        t.state = reached ? State::reached : State::failed;
        t.cause = cause;
    }
    if (reached) until_ = std::min(until_, now + limits::kReachTestSpare);
    if (unanswered().empty()) until_ = std::min(until_, now);
}

std::vector<uint64_t> DialBack::unanswered() const {
    std::vector<uint64_t> numbers;
    for (const Test& t : tests_) {
        if (t.state == State::open) numbers.push_back(t.number);
    }
    return numbers;
}

DialBack::Verdict DialBack::verdict() const {
    Verdict v;
    for (const Test& t : tests_) {
        if (t.state == State::reached) v.order.push_back(t.address);
    }
    v.reached = !v.order.empty();
    for (const Test& t : tests_) {
        if (t.state == State::reached) continue;
        v.order.push_back(t.address);
        v.failures += fmt::format("{}at {}: {}", v.failures.empty() ? "" : "; ", to_string(t.address),
                                  t.state == State::open ? silence() : t.cause);
    }
    if (tests_.empty()) v.failures = "at no address: it advertises none";
    return v;
}

}  // namespace whim::group
