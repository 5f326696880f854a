// Orders are judged by the sum of what their edges cost, where slow edges count with a high power.
#include <algorithm>
#include <numeric>

#include "base/limits.h"
#include "collectives/plan/makers.h"
#include "collectives/plan/packer.h"

namespace whim::plan {
namespace {

constexpr uint32_t kExactMembersMax = 8;
constexpr uint32_t kExchangePasses = 6;
constexpr uint32_t kSettleSteps = 40;

class Orders {
public:
    Orders(const Net& net, const Work& work) : n_(net.members()), seconds_(n_ * n_), delay_(n_ * n_) {
        const double bytes = static_cast<double>(work.on_wire()) * 2 * (n_ - 1) / n_;
        for (uint32_t a = 0; a < n_; ++a)
            for (uint32_t b = 0; b < n_; ++b) {
                if (a == b) continue;
                seconds_[a * n_ + b] = bytes * net.alone_s(a, b);
                delay_[a * n_ + b] = net.delay_s(a, b);
                if (net.any_cut() && !net.reach(a, b)) seconds_[a * n_ + b] *= 2, delay_[a * n_ + b] *= 2;
            }
    }

    // Seconds that a ring takes: its slowest edge, and twice around.
    double cost(const std::vector<Member>& order) const {
        double slowest = 0, around = 0;
        for (uint32_t i = 0; i < n_; ++i) {
            const size_t edge = order[i] * size_t{n_} + order[i + 1 == n_ ? 0 : i + 1];
            slowest = std::max(slowest, seconds_[edge]);
            around += delay_[edge];
        }
        return slowest + 2 * around;
    }

    std::vector<Member> exact() const {
        std::vector<Member> order(n_);
        std::iota(order.begin(), order.end(), Member{0});
        std::vector<Member> best = order;
        double least = cost(order);
        while (std::next_permutation(order.begin() + 1, order.end())) {
            if (const double c = cost(order); c < least) least = c, best = order;
        }
        return best;
    }

    std::vector<Member> found() {
        weigh();
        std::vector<Member> best;
        double least = 0;
        for (const uint32_t first : {0u, n_ / 3, 2 * n_ / 3}) {
            std::vector<Member> order = nearest_from(first);
            exchange(order);
            for (int turn = 0; turn < 2; ++turn, std::reverse(order.begin(), order.end())) {
                if (const double c = cost(order); best.empty() || c < least) least = c, best = order;
            }
        }
        std::rotate(best.begin(), std::find(best.begin(), best.end(), Member{0}), best.end());
        return best;
    }

private:
    // Both directions of an edge weigh alike, so that a stretch can be turned round for free.
    void weigh() {
        weight_.resize(n_ * n_);
        double usual = 0;
        for (const double s : seconds_) usual += s;
        usual /= static_cast<double>(n_ * (n_ - 1));
        for (uint32_t a = 0; a < n_; ++a)
            for (uint32_t b = 0; b < n_; ++b) {
                const double s = std::max(seconds_[a * n_ + b], seconds_[b * n_ + a]) / usual;
                const double d = (delay_[a * n_ + b] + delay_[b * n_ + a]) / usual;
                weight_[a * n_ + b] = s * s * s * s + d;
            }
    }

    std::vector<Member> nearest_from(uint32_t first) const {
        std::vector<Member> order{static_cast<Member>(first)};
        std::vector<bool> in(n_);
        in[first] = true;
        while (order.size() < n_) {
            uint32_t next = n_;
            for (uint32_t v = 0; v < n_; ++v)
                if (!in[v] && (next == n_ || weight(order.back(), v) < weight(order.back(), next))) next = v;
            in[next] = true;
            order.push_back(static_cast<Member>(next));
        }
        return order;
    }

    // Turns stretches round while that makes the ring lighter.
    void exchange(std::vector<Member>& order) const {
        for (uint32_t pass = 0; pass < kExchangePasses; ++pass) {
            bool better = false;
            for (uint32_t i = 1; i + 1 < n_; ++i)
                for (uint32_t j = i + 1; j < n_; ++j) {
                    const Member before = order[i - 1], first = order[i], last = order[j];
                    const Member after = order[j + 1 == n_ ? 0 : j + 1];
                    const double now = weight(before, first) + weight(last, after);
                    const double then = weight(before, last) + weight(first, after);
                    if (then >= now * (1 - 1e-9)) continue;
                    std::reverse(order.begin() + i, order.begin() + j + 1);
                    better = true;
                }
            if (!better) return;
        }
    }

    double weight(uint32_t a, uint32_t b) const { return weight_[a * n_ + b]; }

    const uint32_t n_;
    std::vector<double> seconds_, delay_, weight_;
};

std::vector<double> weights_of(const Plan& plan, const Net& net) {
    std::vector<double> even(plan.members, 1.0 / plan.members);
    if (plan.members > limits::kPlanPackMembersMax) return even;
    Packer packer(net);
    for (uint32_t p = 0; p < plan.members; ++p) { packer.add(course_of(plan, plan.parts[p]), even[p]); }
    packer.settle(kSettleSteps);
    return packer.shares();
}

}  // namespace

Plan make_plain_ring(uint32_t members) {
    Plan plan;
    plan.kind = Kind::ring;
    plan.members = members;
    plan.tables.emplace_back(members);
    std::iota(plan.tables[0].begin(), plan.tables[0].end(), Member{0});
    uint32_t before = 0;
    for (uint32_t p = 0; p < members; ++p) {
        const auto end = static_cast<uint32_t>(uint64_t{kShares} * (p + 1) / members);
        plan.parts.push_back({end - before, static_cast<Member>(p), Shape::ring, 0, 0});
        before = end;
    }
    return plan;
}

std::optional<Plan> make_ring(const Net& net, const Work& work) {
    const uint32_t n = net.members();
    if (n < 3 || n > limits::kPlanRingMembersMax) return std::nullopt;
    Orders orders(net, work);
    Plan plan;
    plan.kind = Kind::ring;
    plan.members = n;
    plan.tables.push_back(n <= kExactMembersMax ? orders.exact() : orders.found());
    for (const Member root : plan.tables[0]) plan.parts.push_back({1, root, Shape::ring, 0, 0});
    plan.relays = relays_of(net);
    const std::vector<uint32_t> shares = whole_shares(weights_of(plan, net), work);
    for (uint32_t p = 0; p < n; ++p) plan.parts[p].share = shares[p];
    drop_empty_parts(plan);
    if (!keep_needed_relays(plan, net)) return std::nullopt;
    return plan;
}

}  // namespace whim::plan
