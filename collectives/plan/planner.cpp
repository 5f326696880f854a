// Candidates in the order of their hops, so that the first of those that are alike has the fewest.
#include "collectives/plan/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "base/assert.h"
#include "base/limits.h"
#include "collectives/plan/simulate.h"

namespace whim::plan {
namespace {

constexpr double kWorthMoreHops = 0.97;     // by the simulation
constexpr double kWorthByForecast = 0.95;   // by the forecast alone, which errs
constexpr double kForecastError = 1.25;     // within it, candidates are tried out
constexpr uint32_t kPiecesTriedMin = 4;     // of one part, for a simulation to say more than the forecast
constexpr uint64_t kSendingsOfOne = 5000;   // of pieces over edges, of one candidate
constexpr uint64_t kSendingsOfAll = 24000;  // of all of a small flock
constexpr size_t kTriedMax = 3;
constexpr ForestShape kNear{.depth_max = 4, .stretch = 1.1}, kFar{.depth_max = 6, .stretch = 3};

std::string name_of_rank(Member rank, const std::vector<std::string>& names) {
    return rank < names.size() ? names[rank] : fmt::format("{}", rank);
}

class Contest {
public:
    Contest(const Net& net, const Work& work) : net_(net), work_(work) {}

    void enter(std::string name, std::optional<Plan> plan, const char* why_not) {
        Candidate candidate{std::move(name), std::move(plan), {}, 0, {}};
        if (candidate.plan) candidate.forecast = forecast(*candidate.plan, net_, work_);
        else candidate.refused = why_not;
        choice_.candidates.push_back(std::move(candidate));
    }
    void refuse(std::string name, const char* why_not) { enter(std::move(name), std::nullopt, why_not); }

    Choice decide() {
        std::vector<size_t> close = by_forecast();
        WHIM_ASSERT(!close.empty());
        try_out(close);
        std::sort(close.begin(), close.end());  // the fewest hops first again
        size_t best = close[0];
        for (const size_t i : close) {
            const bool tried = choice_.candidates[i].simulated_s > 0;
            if (seconds(i) < seconds(best) * (tried ? kWorthMoreHops : kWorthByForecast)) best = i;
        }
        choice_.chosen = best;
        choice_.reason = reason();
        return std::move(choice_);
    }

    Choice& choice() { return choice_; }

private:
    // Those with a plan, from the best forecast on.
    std::vector<size_t> by_forecast() const {
        const auto& all = choice_.candidates;
        std::vector<size_t> order;
        for (size_t i = 0; i < all.size(); ++i)
            if (all[i].plan) order.push_back(i);
        std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
            return all[a].forecast.seconds < all[b].forecast.seconds;
        });
        return order;
    }

    // Simulates contenders, all in equally many pieces, and leaves in only those: what is simulated coarsely
    // and what is forecast cannot be compared. In a small flock all; else the first few whose forecasts are
    // not clearly worse than the best. Trees that would take too long do without, or, unless a forest leads,
    // the others are tried alone.
    void try_out(std::vector<size_t>& close) {
        uint64_t all_edges = 0;
        for (const size_t i : close) all_edges += edges_of(i);
        if (all_edges * kPiecesMax <= kSendingsOfAll) return simulate_all(close, kPiecesMax);
        const double most = choice_.candidates[close[0]].forecast.seconds * kForecastError;
        while (choice_.candidates[close.back()].forecast.seconds > most) close.pop_back();
        std::vector<size_t> first(
            close.begin(), close.begin() + static_cast<std::ptrdiff_t>(std::min(close.size(), kTriedMax)));
        uint32_t pieces = pieces_affordable(first);
        if (pieces < kPiecesTriedMin && is_plain_enough(close)) {
            std::vector<size_t> plain;
            for (const size_t i : close)
                if (choice_.candidates[i].plan->kind != Kind::forest) plain.push_back(i);
            plain.resize(std::min(plain.size(), kTriedMax));
            close = first = plain;
            pieces = pieces_affordable(first);
        }
        if (pieces < kPiecesTriedMin) return;
        close = first;
        simulate_all(close, pieces);
    }

    // Whether some plan other than a forest is as good by forecasts as makes no difference.
    bool is_plain_enough(const std::vector<size_t>& close) const {
        const double best = choice_.candidates[close[0]].forecast.seconds;
        return std::any_of(close.begin(), close.end(), [&](size_t i) {
            const Candidate& c = choice_.candidates[i];
            return c.plan->kind != Kind::forest && best >= c.forecast.seconds * kWorthByForecast;
        });
    }

    uint32_t pieces_affordable(const std::vector<size_t>& tried) const {
        uint64_t pieces = kPiecesMax;
        for (const size_t i : tried) pieces = std::min(pieces, kSendingsOfOne / edges_of(i));
        return static_cast<uint32_t>(pieces);
    }

    void simulate_all(const std::vector<size_t>& tried, uint32_t pieces) {
        if (tried.size() < 2) return;
        for (const size_t i : tried) {
            Candidate& candidate = choice_.candidates[i];
            candidate.simulated_s = simulate(*candidate.plan, net_, work_, {.pieces_max = pieces});
        }
    }

    uint64_t edges_of(size_t i) const {
        const Plan& plan = *choice_.candidates[i].plan;
        return std::max<uint64_t>(plan.parts.size() * 2 * (plan.members - 1), 1);
    }

    double seconds(size_t i) const {
        const Candidate& candidate = choice_.candidates[i];
        return candidate.simulated_s > 0 ? candidate.simulated_s : candidate.forecast.seconds;
    }

    std::string reason() const {
        const Candidate& won = choice_.candidates[choice_.chosen];
        std::string text =
            fmt::format("{}: {:.4g} ms, of which {:.4g} ms are transfer ({}) and {:.4g} ms latency", won.name,
                        won.forecast.seconds * 1e3, won.forecast.transfer_s * 1e3, words_of(won.forecast),
                        won.forecast.latency_s * 1e3);
        if (won.simulated_s > 0) text += fmt::format("; {:.4g} ms when simulated", won.simulated_s * 1e3);
        const auto& all = choice_.candidates;
        size_t next = all.size();
        for (size_t i = 0; i < all.size(); ++i) {
            if (!all[i].plan || i == choice_.chosen || (won.simulated_s > 0) != (all[i].simulated_s > 0))
                continue;
            if (next == all.size() || seconds(i) < seconds(next)) next = i;
        }
        if (next == all.size()) return text + "; there is no other";
        const double ratio = seconds(next) / seconds(choice_.chosen);
        if (ratio < 1)
            return text + fmt::format("; {} is not enough faster ({:.2f} times) to be worth its hops",
                                      all[next].name, 1 / ratio);
        return text + fmt::format("; next is {}, {:.2f} times as long", all[next].name, ratio);
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
    if (large) {
        for (const char* name : {"direct, near roots", "direct, one root"})
            contest.refuse(name, "with so many members all that can should be roots");
    } else {
        contest.enter("direct, near roots", other_than_first(make_direct(net, work, Roots::near)), kSame);
        contest.enter("direct, one root", other_than_first(make_direct(net, work, Roots::one)), kSame);
    }
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

std::optional<Wanted> wanted_from(std::string_view text) {
    if (text.empty() || text == "auto") return Wanted::best;
    if (text == "direct") return Wanted::direct;
    if (text == "ring") return Wanted::ring;
    if (text == "plain-ring") return Wanted::plain_ring;
    if (text == "two-level") return Wanted::two_level;
    if (text == "forest") return Wanted::forest;
    return std::nullopt;
}

std::optional<Plan> plan_wanted(const Links& links, const Work& work, Wanted wanted) {
    const Net net(links);
    const uint32_t n = net.members();
    if (n < 3) return std::nullopt;
    if (!may_fold_between(work) && wanted != Wanted::direct) wanted = Wanted::best;
    switch (wanted) {
        case Wanted::best: break;
        case Wanted::direct: return make_direct(net, work, Roots::all);
        case Wanted::ring: return make_ring(net, work);
        case Wanted::plain_ring: return make_plain_ring(n);
        case Wanted::two_level: return make_two_level(net, work, find_regions(net));
        case Wanted::forest:
            return n <= limits::kPlanPackMembersMax ? make_forest(net, work, find_regions(net), kFar)
                                                    : std::nullopt;
    }
    Choice choice = plan_for(links, work);
    return std::move(choice.candidates[choice.chosen].plan);
}

}  // namespace whim::plan
