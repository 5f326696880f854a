// Candidates in the order of their hops, so that the first of those that are alike has the fewest.
#include "collectives/plan/planner.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "base/limits.h"

namespace whim::plan {
namespace {

constexpr double kWorthMoreHops = 0.97;
constexpr ForestShape kNear{.depth_max = 4, .stretch = 1.1}, kFar{.depth_max = 6, .stretch = 3};

std::string name_of_rank(Member rank, const std::vector<std::string>& names) {
    return rank < names.size() ? names[rank] : fmt::format("{}", rank);
}

class Contest {
public:
    Contest(const Net& net, const Work& work) : net_(net), work_(work) {}

    void enter(std::string name, std::optional<Plan> plan, const char* why_not) {
        Candidate candidate{std::move(name), std::move(plan), {}, {}};
        if (candidate.plan) candidate.forecast = forecast(*candidate.plan, net_, work_);
        else candidate.refused = why_not;
        choice_.candidates.push_back(std::move(candidate));
    }
    void refuse(std::string name, const char* why_not) { enter(std::move(name), std::nullopt, why_not); }

    Choice decide() {
        const auto& all = choice_.candidates;
        size_t best = all.size();
        for (size_t i = 0; i < all.size(); ++i) {
            if (!all[i].plan) continue;
            if (best == all.size() || all[i].forecast.seconds < all[best].forecast.seconds * kWorthMoreHops)
                best = i;
        }
        WHIM_ASSERT(best < all.size());
        choice_.chosen = best;
        choice_.reason = reason();
        return std::move(choice_);
    }

    Choice& choice() { return choice_; }

private:
    std::string reason() const {
        const Candidate& won = choice_.candidates[choice_.chosen];
        std::string text =
            fmt::format("{}: {:.4g} ms, of which {:.4g} ms are transfer ({}) and {:.4g} ms latency", won.name,
                        won.forecast.seconds * 1e3, won.forecast.transfer_s * 1e3, words_of(won.forecast),
                        won.forecast.latency_s * 1e3);
        const Candidate* next = nullptr;
        for (const Candidate& other : choice_.candidates) {
            if (!other.plan || &other == &won) continue;
            if (next == nullptr || other.forecast.seconds < next->forecast.seconds) next = &other;
        }
        if (next == nullptr) return text + "; there is no other";
        const double ratio = next->forecast.seconds / won.forecast.seconds;
        const char* most = next->forecast.latency_s > next->forecast.transfer_s ? "hops" : "transfer";
        if (ratio < 1)
            return text + fmt::format("; {} is not enough faster ({:.2f} times) to be worth its hops",
                                      next->name, 1 / ratio);
        return text + fmt::format("; next is {}, {:.2f} times as long, mostly {}", next->name, ratio, most);
    }

    const Net& net_;
    const Work& work_;
    Choice choice_;
};

}  // namespace

std::string words_of(const Forecast& forecast, const std::vector<std::string>& names) {
    const std::string at = name_of_rank(forecast.at, names);
    switch (forecast.limit) {
        case Limit::none: return "nothing";
        case Limit::up: return fmt::format("what {} sends", at);
        case Limit::down: return fmt::format("what {} receives", at);
        case Limit::pair: return fmt::format("the path from {} to {}", at, name_of_rank(forecast.to, names));
        case Limit::cpu: return fmt::format("the processor of {}", at);
    }
    return "";
}

Choice plan_for(const Links& links, const Work& work) {
    const Net net(links);
    const uint32_t n = net.members();
    Contest contest(net, work);
    constexpr const char* kApart = "some pair cannot talk, and no third member joins it";
    contest.enter("direct", make_direct(net, work, Roots::all), kApart);
    constexpr const char* kSame = "the same as direct, or some pair that no third member joins";
    const auto other_than_first = [&](std::optional<Plan> plan) {
        return plan == contest.choice().candidates[0].plan ? std::nullopt : std::move(plan);
    };
    if (n < 3) {
        if (!contest.choice().candidates[0].plan) {
            const Links plain(n);
            contest.enter("direct, waiting", make_direct(Net(plain), work, Roots::all), "");
        }
        return contest.decide();
    }
    const bool large = n > limits::kPlanPackMembersMax;
    contest.enter("direct, near roots", other_than_first(make_direct(net, work, Roots::near)), kSame);
    if (large) contest.refuse("direct, one root", "one of so many would do most of the work");
    else contest.enter("direct, one root", other_than_first(make_direct(net, work, Roots::one)), kSame);
    constexpr const char* kNoPartial = "the op's reducer or codec allows no partial results";
    const bool small = work.on_wire() / limits::kChunkBytesMin < n && contest.choice().candidates[0].plan;
    if (small || !may_fold_between(work)) {
        for (const char* name : {"two-level", "forest", "far forest", "ring"})
            contest.refuse(name, small ? "the op is too small to be worth more hops" : kNoPartial);
    } else {
        Regions regions = find_regions(net);
        contest.enter("two-level", make_two_level(net, work, regions), "members are of one region");
        if (!large) {
            contest.enter("forest", make_forest(net, work, regions, kNear), kApart);
            contest.enter("far forest", make_forest(net, work, regions, kFar), kApart);
        } else {
            contest.refuse("forest", "too many members to pack trees in time");
        }
        contest.enter("ring", make_ring(net, work), "too many members, or some neighbours cannot be joined");
        contest.choice().regions = std::move(regions);
    }
    bool any = false;
    for (const Candidate& candidate : contest.choice().candidates) any |= candidate.plan.has_value();
    if (!any) {
        const Links plain(n);  // nothing is cut in it
        contest.enter("direct, waiting", make_direct(Net(plain), work, Roots::all), "");
    }
    return contest.decide();
}

}  // namespace whim::plan
