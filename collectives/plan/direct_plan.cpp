// Stars. A root of share x sends and receives 1 + (n-2)x buffers, everybody else 1: with lines alone the best
// shares follow from one number, the time; with paths they are packed.
#include <algorithm>

#include "base/limits.h"
#include "collectives/plan/makers.h"
#include "collectives/plan/packer.h"

namespace whim::plan {
namespace {

constexpr double kNotMuchFarther = 1.25;
constexpr uint32_t kSettleSteps = 60;

// Half the round trip to the farthest member; through a relay it counts double.
std::vector<double> distances(const Net& net) {
    std::vector<double> farthest(net.members());
    for (uint32_t a = 0; a < net.members(); ++a)
        for (uint32_t b = 0; b < net.members(); ++b)
            if (a != b) farthest[a] = std::max(farthest[a], net.delay_s(a, b));
    for (const auto& [a, b] : net.cuts()) {
        farthest[a] = std::max(farthest[a], 2 * net.delay_s(a, b));
        farthest[b] = std::max(farthest[b], 2 * net.delay_s(a, b));
    }
    return farthest;
}

std::vector<bool> allowed(const Net& net, const Work& work, Roots roots) {
    const uint32_t n = net.members();
    const bool small = work.on_wire() / limits::kChunkBytesMin < n;
    if (roots == Roots::all && !small) return std::vector<bool>(n, true);
    const std::vector<double> far = distances(net);
    const size_t middle = static_cast<size_t>(std::min_element(far.begin(), far.end()) - far.begin());
    std::vector<bool> may(n);
    for (uint32_t v = 0; v < n; ++v)
        may[v] = roots == Roots::near && !small ? far[v] <= far[middle] * kNotMuchFarther : v == middle;
    return may;
}

// What each root could take in `time` (seconds for one byte of the op), as a share.
double room(const Net& net, uint32_t v, double time) {
    const double line = std::max(net.up_s(v), net.down_s(v));
    return std::max(0.0, (time / line - 1) / (net.members() - 2));
}

std::vector<double> by_lines(const Net& net, const std::vector<bool>& may) {
    const uint32_t n = net.members();
    std::vector<double> shares(n);
    if (n <= 2) {
        for (uint32_t v = 0; v < n; ++v) shares[v] = may[v] ? 1 : 0;
        return shares;
    }
    double low = 0;
    for (uint32_t v = 0; v < n; ++v) low = std::max({low, net.up_s(v), net.down_s(v)});
    const auto all_room = [&](double time) {
        double sum = 0;
        for (uint32_t v = 0; v < n; ++v) sum += may[v] ? room(net, v, time) : 0;
        return sum;
    };
    double high = low;
    while (all_room(high) < 1) high *= 2;
    for (int i = 0; i < 50; ++i) {
        const double middle = (low + high) * 0.5;
        (all_room(middle) < 1 ? low : high) = middle;
    }
    for (uint32_t v = 0; v < n; ++v) shares[v] = may[v] ? room(net, v, high) : 0;
    return shares;
}

void pack(const Plan& stars, const Net& net, std::vector<double>& shares, const std::vector<bool>& may) {
    Packer packer(net);
    std::vector<uint32_t> roots;
    double sum = 0;
    for (const double share : shares) sum += share;
    for (uint32_t v = 0; v < net.members(); ++v) {
        if (!may[v]) continue;
        packer.add(course_of(stars, stars.parts[v]), shares[v] / sum);
        roots.push_back(v);
    }
    packer.settle(kSettleSteps);
    for (size_t i = 0; i < roots.size(); ++i) shares[roots[i]] = packer.shares()[i];
}

Plan stars_of(const std::vector<uint32_t>& shares) {
    Plan plan;
    plan.kind = Kind::direct;
    plan.members = static_cast<uint32_t>(shares.size());
    for (uint32_t v = 0; v < plan.members; ++v)
        if (shares[v] > 0) plan.parts.push_back({shares[v], static_cast<Member>(v), Shape::star, 0, 0});
    return plan;
}

}  // namespace

std::optional<Plan> make_direct(const Net& net, const Work& work, Roots roots) {
    const uint32_t n = net.members();
    const std::vector<bool> may = allowed(net, work, roots);
    std::vector<double> shares = by_lines(net, may);
    if (n > 2 && n <= limits::kPlanPackMembersMax && (net.pairs_matter() || net.any_cut())) {
        Plan stars = stars_of(std::vector<uint32_t>(n, 1));
        stars.relays = relays_of(net);
        pack(stars, net, shares, may);
    }
    Plan plan = stars_of(whole_shares(shares, work));
    plan.relays = relays_of(net);
    if (!keep_needed_relays(plan, net)) return std::nullopt;
    return plan;
}

}  // namespace whim::plan
