// Which plan an op should have. The same links and op give the same plan on every machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/plan/cost.h"
#include "collectives/plan/makers.h"

namespace whim::plan {

struct Candidate {
    std::string name;  // "direct", "direct, near roots", "ring", ...
    std::optional<Plan> plan;
    Forecast forecast;
    double simulated_s = 0;  // in few pieces; 0: was not tried out
    std::string refused;     // why there is no plan
};

struct Choice {
    std::vector<Candidate> candidates;
    size_t chosen = 0;
    std::string reason;  // why it, for people
    Regions regions;
    const Plan& plan() const { return *candidates[chosen].plan; }
    const Forecast& forecast() const { return candidates[chosen].forecast; }
};

// The candidate with the shortest forecast; among those within its error (25 %), where they are small enough
// to be tried out in time, the one with the shortest simulation. What has fewer hops unless another is more
// than 3 % faster; an op of less than limits::kChunkBytesMin a member has one root and the fewest hops. When
// members are so cut off from each other that no plan joins them, the direct plan all the same: the op will
// wait and say for whom. 1 to limits::kMembersMax members.
Choice plan_for(const Links& links, const Work& work);

// What the user asks for: the best, or a plan of one kind.
enum class Wanted : uint8_t { best, direct, ring, plain_ring, two_level, forest };
inline constexpr std::string_view kWantedNames = "auto, direct, ring, plain-ring, two-level, forest";
std::optional<Wanted> wanted_from(std::string_view text);  // one of these names

// The plan that is wanted. None where that kind cannot be had, as two-level with one region, or nothing is
// known that would make it better than the direct plan with equal shares.
std::optional<Plan> plan_wanted(const Links& links, const Work& work, Wanted wanted);

// "the access line of 3 (up)", with names for ranks where there are any.
std::string words_of(const Forecast& forecast, const std::vector<std::string>& names = {});

}  // namespace whim::plan
