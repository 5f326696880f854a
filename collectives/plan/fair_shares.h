// Max-min fair rates of flows that share access lines: all grow alike until a line or their own path is full.
#pragma once

#include <cstdint>
#include <vector>

#include "collectives/plan/links.h"

namespace whim::plan {

struct Flow {
    uint32_t from = 0, to = 0;
    double rate_max = 0;  // of the path by itself
    double rate = 0;      // bytes per second, the answer
};

class FairShares {
public:
    explicit FairShares(const Net& net);
    void assign(std::vector<Flow*>& flows);  // orders them anew

private:
    struct Line {
        double left = 0;
        uint32_t flows = 0;
        double share() const { return left / flows; }
    };
    const Net& net_;
    std::vector<Line> up_, down_;
};

}  // namespace whim::plan
