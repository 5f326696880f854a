// Powers are repeated squares of loads relative to the busiest, so that they neither overflow nor need a
// library.
#include "collectives/plan/packer.h"

#include <algorithm>

namespace whim::plan {
namespace {

double power(double x, uint32_t doublings) {
    for (uint32_t i = 0; i < doublings; ++i) x *= x;
    return x;
}

constexpr uint32_t kStages[] = {4, 6, 8};  // powers 16, 64, 256

}  // namespace

Course course_of(const Plan& plan, const Part& part) {
    Course course;
    for_each_edge(plan, part, [&](Phase, Member from, Member to) {
        const Relay* relay = plan.relays.empty() ? nullptr : relay_of(plan, from, to);
        if (relay == nullptr) return course.push_back({from, to});
        course.push_back({from, relay->via});
        course.push_back({relay->via, to});
    });
    return course;
}

Packer::Packer(const Net& net)
    : n_(net.members()), unit_s_(2 * n_ + n_ * n_), load_s_(unit_s_.size()), price_(unit_s_.size()) {
    for (uint32_t a = 0; a < n_; ++a) {
        unit_s_[a] = net.up_s(a);
        unit_s_[n_ + a] = net.down_s(a);
        for (uint32_t b = 0; b < n_; ++b) unit_s_[2 * n_ + a * n_ + b] = a == b ? 0 : net.pair_s(a, b);
    }
}

size_t Packer::add(Course course, double share) {
    courses_.push_back(std::move(course));
    shares_.push_back(share);
    return courses_.size() - 1;
}

void Packer::load() {
    double sum = 0;
    for (const double share : shares_) sum += share;
    std::fill(load_s_.begin(), load_s_.end(), 0.0);
    for (size_t c = 0; c < courses_.size(); ++c) {
        shares_[c] = shares_[c] / sum;
        if (shares_[c] <= 0) continue;
        for (const Leg& leg : courses_[c]) {
            load_s_[leg.from] += shares_[c] * unit_s_[leg.from];
            load_s_[n_ + leg.to] += shares_[c] * unit_s_[n_ + leg.to];
            const size_t pair = 2 * n_ + leg.from * n_ + leg.to;
            load_s_[pair] += shares_[c] * unit_s_[pair];
        }
    }
    busiest_ = *std::max_element(load_s_.begin(), load_s_.end());
}

// (load / busiest)^(p-1) for each second of a row, p = 2^doublings.
double Packer::price_of(size_t row) const {
    if (load_s_[row] <= 0) return 0;
    const double relative = load_s_[row] / busiest_;
    return power(relative, doublings_) / relative * unit_s_[row];
}

void Packer::begin_stage(uint32_t doublings) {
    doublings_ = doublings;
    busiest_ = *std::max_element(load_s_.begin(), load_s_.end());
    for (size_t row = 0; row < price_.size(); ++row) price_[row] = price_of(row);
}

double Packer::cost_of(const Course& course) const {
    double cost = 0;
    for (const Leg& leg : course) cost += price(leg.from, leg.to);
    return cost;
}

double Packer::mean_cost() const {
    double mean = 0;
    for (size_t c = 0; c < courses_.size(); ++c)
        if (shares_[c] > 0) mean += shares_[c] * cost_of(courses_[c]);
    return mean;
}

std::vector<Packer::Change> Packer::difference(size_t to, size_t from) const {
    std::vector<Change> changes;
    const auto note = [&](const Course& course, double sign) {
        for (const Leg& leg : course) {
            const auto pair = static_cast<uint32_t>(2 * n_ + leg.from * n_ + leg.to);
            for (const uint32_t row : {uint32_t{leg.from}, static_cast<uint32_t>(n_ + leg.to), pair})
                if (unit_s_[row] > 0) changes.push_back({row, sign * unit_s_[row]});
        }
    };
    note(courses_[to], 1);
    note(courses_[from], -1);
    std::stable_sort(changes.begin(), changes.end(),
                     [](const Change& a, const Change& b) { return a.row < b.row; });
    size_t kept = 0;
    for (size_t i = 0; i < changes.size(); ++i) {
        if (kept > 0 && changes[kept - 1].row == changes[i].row) changes[kept - 1].by += changes[i].by;
        else changes[kept++] = changes[i];
    }
    changes.resize(kept);
    return changes;
}

// How much share to move: by halving of the interval in which the derivative changes its sign.
double Packer::best_move(const std::vector<Change>& changes, double most) const {
    const auto slope = [&](double moved) {
        double sum = 0;
        for (const Change& change : changes) {
            const double relative = (load_s_[change.row] + moved * change.by) / busiest_;
            if (relative > 1e-9) sum += power(relative, doublings_) / relative * change.by;
        }
        return sum;
    };
    if (slope(most) <= 0) return most;
    double low = 0, high = most;
    for (int i = 0; i < 12; ++i) {
        const double middle = (low + high) * 0.5;
        (slope(middle) <= 0 ? low : high) = middle;
    }
    return low;
}

bool Packer::step() {
    size_t least = 0, most = courses_.size();
    double least_cost = 0, most_cost = 0;
    for (size_t c = 0; c < courses_.size(); ++c) {
        const double cost = cost_of(courses_[c]);
        if (c == 0 || cost < least_cost) least = c, least_cost = cost;
        if (shares_[c] > 0 && (most == courses_.size() || cost > most_cost)) most = c, most_cost = cost;
    }
    if (most == least || most_cost <= least_cost * (1 + 1e-6)) return false;
    const std::vector<Change> changes = difference(least, most);
    const double moved = best_move(changes, shares_[most]);
    if (moved <= 0) return false;
    shares_[least] += moved;
    shares_[most] -= moved;
    for (const Change& change : changes) {
        load_s_[change.row] += moved * change.by;
        price_[change.row] = price_of(change.row);
    }
    return true;
}

void Packer::settle(uint32_t steps) {
    load();
    std::vector<double> best = shares_;
    double least = busiest_;
    for (const uint32_t doublings : kStages) {
        begin_stage(doublings);
        for (uint32_t i = 0; i < steps && step(); ++i) {}
        load();  // sums anew: what steps leave behind by rounding does not add up
        if (busiest_ >= least) continue;
        least = busiest_;
        best = shares_;
    }
    shares_ = best;
    load();
}

}  // namespace whim::plan
