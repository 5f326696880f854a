// Shares for given courses (a course is all the sendings of one part), so that the busiest line or path has
// as little to carry as possible. For up to limits::kPlanPackMembersMax members.
//
// Minimises a high power mean of the loads, raised in stages, which comes near the maximum from above and is
// smooth: each step moves share from the course that costs most at the present prices to the one that costs
// least, as far as it helps. A fixed number of steps of plain arithmetic: every peer finds the same shares.
#pragma once

#include <cstdint>
#include <vector>

#include "collectives/plan/links.h"
#include "collectives/plan/plan.h"

namespace whim::plan {

struct Leg {
    Member from = 0, to = 0;
};
using Course = std::vector<Leg>;
Course course_of(const Plan& plan, const Part& part);  // over its relays

class Packer {
public:
    explicit Packer(const Net& net);

    size_t add(Course course, double share);  // its number; shares are scaled to 1 by settle()
    void settle(uint32_t steps);              // through all stages, each of so many steps at most
    void begin_stage(uint32_t doublings);     // of the power 2^doublings, for prices and steps
    bool step();                              // false when nothing helps any more

    const std::vector<double>& shares() const { return shares_; }

    // The price of one more byte from one member to another, at the present loads.
    double price(size_t from, size_t to) const {
        return price_[from] + price_[n_ + to] + price_[2 * n_ + from * n_ + to];
    }
    double cost_of(const Course& course) const;
    double mean_cost() const;  // of what there is

private:
    struct Change {
        uint32_t row = 0;
        double by = 0;  // seconds for one byte, at full share
    };
    void load();
    double price_of(size_t row) const;
    std::vector<Change> difference(size_t to, size_t from) const;
    double best_move(const std::vector<Change>& changes, double most) const;

    const size_t n_;
    std::vector<double> unit_s_;  // rows: up lines, down lines, pairs: seconds for one byte, 0 for none
    std::vector<double> load_s_;  // the same rows
    std::vector<double> price_;   // the same rows: the power mean's derivatives
    std::vector<Course> courses_;
    std::vector<double> shares_;
    double busiest_ = 0;  // when loads were summed, or the stage began: what others are relative to
    uint32_t doublings_ = 0;
};

}  // namespace whim::plan
