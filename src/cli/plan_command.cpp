// `whimbrel plan`: which plan an op would have on links that a file describes, what else there was, and why
// not.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "cli/commands.h"
#include "cli/plan_picture.h"
#include "collectives/plan/bound.h"
#include "collectives/plan/link_text.h"
#include "collectives/plan/planner.h"
#include "collectives/plan/simulate.h"

namespace whim::cli {
namespace {

constexpr uint32_t kSimulatedMembersMax = 32;  // of more, a simulation takes too long to wait for
constexpr size_t kNamesShown = 8;

struct Entry {
    const plan::Candidate* candidate = nullptr;
    double simulated_s = 0;  // 0: not simulated
};

std::string milliseconds_of(double s) { return s == 0 ? "-" : fmt::format("{:.4g} ms", s * 1e3); }

std::string list_of(const std::vector<plan::Member>& set, const std::vector<std::string>& names) {
    std::string out;
    for (size_t i = 0; i < std::min(set.size(), kNamesShown); ++i)
        out += (i == 0 ? "" : ", ") + names[set[i]];
    return set.size() > kNamesShown ? out + fmt::format(" and {} more", set.size() - kNamesShown) : out;
}

std::string cause_of(const plan::Bound& bound, const std::vector<std::string>& names) {
    switch (bound.cause) {
        case plan::Bound::Cause::delay: return "the farthest pair";
        case plan::Bound::Cause::send: return "what leaves " + list_of(bound.set, names);
        case plan::Bound::Cause::receive: return "what comes to " + list_of(bound.set, names);
        case plan::Bound::Cause::all_send:
            return fmt::format("what {} sets of members send each other", bound.sets);
        case plan::Bound::Cause::all_receive:
            return fmt::format("what {} sets of members receive from each other", bound.sets);
    }
    return "";
}

void print_people(const plan::Choice& choice, const std::vector<Entry>& entries, const plan::Bound& bound,
                  const std::vector<std::string>& names, const PlanCommand& command) {
    fmt::print("{} members, {} region{}{}, {} bytes\n\n{:<20} {:>6} {:>12} {:>12} {:>12} {:>12} {:>9}  {}\n",
               names.size(), choice.regions.count, choice.regions.count == 1 ? "" : "s",
               choice.regions.named ? " (named)" : "", command.bytes, "PLAN", "PARTS", "FORECAST", "TRANSFER",
               "LATENCY", "SIMULATED", "/ BOUND", "BUSIEST");
    for (const Entry& entry : entries) {
        const plan::Candidate& c = *entry.candidate;
        const bool won = &c == &choice.candidates[choice.chosen];
        if (!c.plan) {
            fmt::print("{:<20} {:>6} {}\n", c.name, "-", c.refused);
            continue;
        }
        const double s = entry.simulated_s > 0 ? entry.simulated_s : c.forecast.seconds;
        fmt::print("{:<20} {:>6} {:>12} {:>12} {:>12} {:>12} {:>9.2f}  {}\n", (won ? "* " : "") + c.name,
                   c.plan->parts.size(), milliseconds_of(c.forecast.seconds),
                   milliseconds_of(c.forecast.transfer_s), milliseconds_of(c.forecast.latency_s),
                   milliseconds_of(entry.simulated_s), bound.seconds > 0 ? s / bound.seconds : 1,
                   words_of(c.forecast, names));
    }
    fmt::print("\nbound: {}, by {}\nchosen: {}\n", milliseconds_of(bound.seconds), cause_of(bound, names),
               choice.reason);
    if (command.explain) fmt::print("\n{}", explained(choice.plan(), names));
}

nlohmann::ordered_json parts_of(const plan::Plan& plan, const std::vector<std::string>& names) {
    nlohmann::ordered_json parts = nlohmann::ordered_json::array();
    for (const plan::Part& part : plan.parts)
        parts.push_back({{"share", part.share / static_cast<double>(plan::kShares)},
                         {"root", names[part.root]},
                         {"reduce_parents", parents_of(plan, part, plan::Phase::reduce)},
                         {"broadcast_parents", parents_of(plan, part, plan::Phase::broadcast)}});
    return parts;
}

void print_json(const plan::Choice& choice, const std::vector<Entry>& entries, const plan::Bound& bound,
                const std::vector<std::string>& names, const PlanCommand& command) {
    nlohmann::ordered_json candidates = nlohmann::ordered_json::array();
    for (const Entry& entry : entries) {
        const plan::Candidate& c = *entry.candidate;
        nlohmann::ordered_json one = {{"name", c.name}};
        if (!c.plan) {
            one["refused"] = c.refused;
        } else {
            one["parts"] = c.plan->parts.size();
            one["forecast_s"] = c.forecast.seconds;
            one["transfer_s"] = c.forecast.transfer_s;
            one["latency_s"] = c.forecast.latency_s;
            one["busiest"] = words_of(c.forecast, names);
            if (entry.simulated_s > 0) one["simulated_s"] = entry.simulated_s;
        }
        candidates.push_back(std::move(one));
    }
    nlohmann::ordered_json out = {{"members", names},
                                  {"bytes", command.bytes},
                                  {"regions", choice.regions.of},
                                  {"candidates", candidates},
                                  {"chosen", choice.candidates[choice.chosen].name},
                                  {"reason", choice.reason},
                                  {"bound_s", bound.seconds},
                                  {"bound", cause_of(bound, names)}};
    if (command.explain) out["parts"] = parts_of(choice.plan(), names);
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

int run_plan(const PlanCommand& command) {
    std::ifstream file(command.matrix);
    if (!file) return fail_with(command.matrix + ": cannot be read");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    Result<plan::NamedLinks> flock = plan::parse_links(text);
    if (!flock.ok()) return fail_with(fmt::format("{}: {}", command.matrix, printable(flock.error().detail)));
    std::vector<std::string> names;
    for (const std::string& name : flock->names) names.push_back(printable(name));

    plan::Work work;
    work.bytes = command.bytes;
    work.wire_bits = command.wire_bits;
    work.wire_bytes = std::max<uint64_t>(1, command.bytes / 32 * command.wire_bits);
    work.needs_all = command.needs_all;
    const plan::Choice choice = plan::plan_for(flock->links, work);
    const plan::Net net(flock->links);
    const plan::Bound bound = plan::slowest_cut(net, work);
    std::vector<Entry> entries;
    for (const plan::Candidate& candidate : choice.candidates) {
        const bool simulated = candidate.plan && names.size() <= kSimulatedMembersMax;
        entries.push_back({&candidate, simulated ? plan::simulate(*candidate.plan, net, work) : 0});
    }
    (command.json ? print_json : print_people)(choice, entries, bound, names, command);
    if (command.svg.empty()) return 0;
    const std::string picture = svg_of(choice.plan(), names, choice.candidates[choice.chosen].name);
    if (!(std::ofstream(command.svg) << picture << std::flush))
        return fail_with(command.svg + ": cannot be written");
    return 0;
}

}  // namespace whim::cli
