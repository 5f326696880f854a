// Trees are packed as courses of a Packer: it starts from the stars and two-level trees, and again and again
// one that is cheap at the present prices joins in, until none is cheaper than what there is, or time is up.
#include <algorithm>

#include "base/limits.h"
#include "collectives/plan/grow_tree.h"
#include "collectives/plan/makers.h"
#include "collectives/plan/packer.h"

namespace whim::plan {
namespace {

constexpr uint32_t kGrowthsMin = 16, kGrowthsMax = 160;
constexpr uint32_t kGrowthsTimesPairs = 200'000;  // a tree costs as much time as there are pairs
constexpr uint32_t kRootsTried = 6;
constexpr uint32_t kStepsEach = 4;
constexpr uint32_t kPower = 5;             // of prices while trees are grown: 2^5
constexpr double kWorthIt = 0.995;         // of the present mean cost, for a tree to join in
constexpr double kLeastShare = 1.0 / 512;  // of a part that is kept
constexpr uint32_t kTwoLevelCourses = 48;

class Forest {
public:
    Forest(const Net& net, const Work& work, const ForestShape& shape)
        : net_(net), work_(work), n_(net.members()), packer_(net) {
        plan_.kind = Kind::forest;
        plan_.members = n_;
        plan_.relays = relays_of(net);
        double farthest = 0;
        for (uint32_t a = 0; a < n_; ++a)
            for (uint32_t b = a + 1; b < n_; ++b) farthest = std::max(farthest, net.delay_s(a, b));
        reach_ = {shape.depth_max, farthest * shape.stretch};
    }

    void begin_with_stars(const Plan& direct) {
        const std::vector<uint32_t> shares = root_shares(direct);
        for (uint32_t v = 0; v < n_; ++v)
            add({1, static_cast<Member>(v), Shape::star, 0, 0}, static_cast<double>(shares[v]) / kShares);
    }

    void begin_with_heads(const Regions& regions) {
        if (regions.count < 2 || regions.count == n_) return;
        for (const auto& heads : heads_of(regions, std::max(1u, kTwoLevelCourses / regions.count)))
            for (const Member root : heads) add_tree(root, two_level_parents(regions, heads, root), {}, 0);
    }

    // Where stars cannot be had: any trees to begin with.
    bool begin_with_any() {
        for (uint32_t v = 0; v < n_; ++v) grow_at_rest(static_cast<Member>(v));
        return !plan_.parts.empty();
    }

    void improve() {
        const uint32_t growths = std::clamp(kGrowthsTimesPairs / (n_ * n_), kGrowthsMin, kGrowthsMax);
        packer_.settle(growths / 2);
        uint32_t idle = 0;
        for (uint32_t i = 0; i < growths && idle < kRootsTried; ++i) {
            packer_.begin_stage(kPower);
            idle = grow_cheapest(i) ? 0 : idle + 1;
            for (uint32_t s = 0; s < kStepsEach && packer_.step(); ++s) {}
        }
        packer_.settle(growths);
    }

    std::optional<Plan> take() {
        std::vector<double> weights = packer_.shares();
        std::vector<double> sorted = weights;
        std::sort(sorted.begin(), sorted.end(), std::greater<>());
        const double least =
            sorted.size() > limits::kPlanForestPartsMax ? sorted[limits::kPlanForestPartsMax] : 0;
        for (double& w : weights)
            if (w <= least || w < kLeastShare) w = 0;
        if (*std::max_element(weights.begin(), weights.end()) <= 0) return std::nullopt;
        const std::vector<uint32_t> shares = whole_shares(weights, work_);
        for (size_t p = 0; p < plan_.parts.size(); ++p) plan_.parts[p].share = shares[p];
        drop_empty_parts(plan_);
        number_tables(plan_);
        if (!keep_needed_relays(plan_, net_)) return std::nullopt;
        return std::move(plan_);
    }

private:
    bool add(const Part& part, double share) {
        bool joined = true;
        for_each_edge(plan_, part, [&](Phase, Member from, Member to) {
            joined = joined && (net_.reach(from, to) || relay_of(plan_, from, to) != nullptr);
        });
        if (!joined) return false;
        plan_.parts.push_back(part);
        packer_.add(course_of(plan_, part), share);
        return true;
    }

    bool add_tree(Member root, std::vector<Member> reduce, std::vector<Member> broadcast, double share) {
        const auto table = static_cast<uint16_t>(plan_.tables.size());
        const uint16_t second = broadcast.empty() ? 0 : 1;
        plan_.tables.push_back(std::move(reduce));
        if (second != 0) plan_.tables.push_back(std::move(broadcast));
        return add({1, root, Shape::trees, table, static_cast<uint16_t>(table + second)}, share);
    }

    double price(uint32_t from, uint32_t to) const {
        return net_.any_cut() && !net_.reach(from, to) ? kNoPrice : packer_.price(from, to);
    }

    // Roots in whose favour a star speaks, and some others in turn.
    std::vector<Member> roots(uint32_t turn) const {
        std::vector<std::pair<double, Member>> by_cost;
        for (uint32_t r = 0; r < n_; ++r) {
            double cost = 0;
            for (uint32_t v = 0; v < n_; ++v)
                if (v != r) cost += price(v, r) + price(r, v);
            by_cost.emplace_back(cost, static_cast<Member>(r));
        }
        std::sort(by_cost.begin(), by_cost.end());
        std::vector<Member> chosen;
        const uint32_t tried = std::min(kRootsTried, n_);
        for (uint32_t i = 0; i < tried; ++i)
            chosen.push_back(i < kRootsTried / 2 ? by_cost[i].second
                                                 : static_cast<Member>((turn * kRootsTried + i) % n_));
        return chosen;
    }

    bool grow_cheapest(uint32_t turn) {
        std::optional<GrownTree> best_in, best_out;
        Member best_root = 0;
        const auto delay = [&](uint32_t child, uint32_t parent) { return net_.delay_s(parent, child); };
        for (const Member root : roots(turn)) {
            auto in = grow_tree(
                n_, root, reach_, [&](uint32_t child, uint32_t parent) { return price(child, parent); },
                delay);
            auto out = grow_tree(
                n_, root, reach_, [&](uint32_t child, uint32_t parent) { return price(parent, child); },
                delay);
            if (!in || !out || (best_in && in->cost + out->cost >= best_in->cost + best_out->cost)) continue;
            best_in = std::move(in), best_out = std::move(out), best_root = root;
        }
        if (!best_in || best_in->cost + best_out->cost >= packer_.mean_cost() * kWorthIt) return false;
        return add_tree(best_root, std::move(best_in->parents), std::move(best_out->parents), 0);
    }

    void grow_at_rest(Member root) {
        const auto seconds = [&](uint32_t from, uint32_t to) {
            return net_.reach(from, to) ? net_.alone_s(from, to) : kNoPrice;
        };
        const auto delay = [](uint32_t, uint32_t) { return 0.0; };
        auto in = grow_tree(
            n_, root, reach_, [&](uint32_t child, uint32_t parent) { return seconds(child, parent); }, delay);
        auto out = grow_tree(
            n_, root, reach_, [&](uint32_t child, uint32_t parent) { return seconds(parent, child); }, delay);
        if (in && out) add_tree(root, std::move(in->parents), std::move(out->parents), 1.0 / n_);
    }

    const Net& net_;
    const Work& work_;
    const uint32_t n_;
    Reach reach_;
    Packer packer_;
    Plan plan_;  // a part for each course
};

}  // namespace

std::optional<Plan> make_forest(const Net& net, const Work& work, const Regions& regions,
                                const ForestShape& shape) {
    const uint32_t n = net.members();
    if (n < 3 || n > limits::kPlanPackMembersMax) return std::nullopt;
    Forest forest(net, work, shape);
    const std::optional<Plan> direct = make_direct(net, work, Roots::all);
    if (direct) {
        forest.begin_with_stars(*direct);
        forest.begin_with_heads(regions);
    } else if (!forest.begin_with_any()) {
        return std::nullopt;
    }
    forest.improve();
    return forest.take();
}

}  // namespace whim::plan
