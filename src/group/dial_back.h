// Whether a peer that asks to be admitted can be dialled: one test for each address it advertises, and the
// verdict over all of them. Pure.
//
// The coordinator tests before it admits, so that an admission is journalled with its verdict and a view
// never lists addresses in an order that nobody has tried; a coordinator that restarts meanwhile is asked
// anew and tests anew. The price is bounded: limits::kReachTestTime when nothing answers,
// limits::kReachTestSpare once something has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "wire/address.h"

namespace whim::group {

class DialBack {
public:
    // numbers: of the tests, beside the addresses.
    DialBack(const std::vector<Address>& addresses, std::vector<uint64_t> numbers, Instant now);

    bool asks(uint64_t number) const;  // whether the answer to this test is still wanted
    void answered(uint64_t number, bool reached, const std::string& cause, Instant now);
    bool over(Instant now) const { return now >= until_; }
    Instant until() const { return until_; }
    std::vector<uint64_t> unanswered() const;  // tests without an answer

    struct Verdict {
        bool reached = false;
        std::vector<Address> order;  // those that answered first, the others after them
        std::string failures;        // "at 10.0.0.7:7001: connection refused; at ..."
    };
    Verdict verdict() const;

private:
    enum class State : uint8_t { open, reached, failed };
    struct Test {
        Address address;
        uint64_t number = 0;
        State state = State::open;
        std::string cause;
    };
    std::vector<Test> tests_;
    Instant until_;
};

}  // namespace whim::group
