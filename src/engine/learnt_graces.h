// What ops that ask for a learnt grace have shown: one history of arrivals for each tag, as long as the same
// members call it with as many elements. The tags used last are kept. Pure.
#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "base/ids.h"
#include "collectives/op/arrivals.h"

namespace whim {

class LearntGraces {
public:
    // For the next op of the tag. birth: its members, in rank order.
    op::ArrivalHistory& of(uint64_t tag, const std::vector<MemberId>& birth, uint64_t elements);

private:
    struct Entry {
        uint64_t tag = 0, elements = 0;
        std::vector<MemberId> birth;
        op::ArrivalHistory history;
    };
    std::list<Entry> entries_;  // the one used last first
};

}  // namespace whim
