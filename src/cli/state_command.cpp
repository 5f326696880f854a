// `whimbrel state`: the coordinator's /state page as a table for people.
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "cli/commands.h"
#include "cli/state_client.h"
#include "cli/words.h"

namespace whim::cli {
namespace {

using nlohmann::json;

std::string uptime(int64_t ms) {
    const int64_t s = ms / 1000;
    if (s < 120) return fmt::format("{} s", s);
    return s < 7200 ? fmt::format("{} min", s / 60) : fmt::format("{} h", s / 3600);
}

// What peers call themselves, fit for a terminal.
std::string words(const json& text) { return printable(text.get<std::string>()); }

void print_table(const json& state) {
    const auto open_round = state.at("open_round").get<uint64_t>();
    fmt::print("run {}   epoch {}   committed round {}   {}   fencing token {}   up {}\n",
               state.at("run").get<std::string>(), state.at("epoch").get<uint64_t>(),
               state.at("committed").get<uint64_t>(),
               open_round == 0 ? "no round open" : fmt::format("round {} open", open_round),
               state.at("fencing").get<uint64_t>(), uptime(state.at("uptime_ms").get<int64_t>()));
    const std::string waiting = state.at("waiting_for").get<std::string>();
    if (!waiting.empty()) fmt::print("waits: {}\n", waiting);
    fmt::print("\n{:<16} {:<20} {:<12} {:>9}  {}\n", "MEMBER", "NAME", "REGION", "RTT", "STANDING");
    for (const json& m : state.at("members")) {
        std::string standing = m.at("standing").get<std::string>();
        if (m.value("outbound_only", false)) standing += ", outbound only";
        for (const json& by : m.at("suspected_by")) standing += ", suspected by " + words(by);
        fmt::print("{:<16} {:<20} {:<12} {:>9}  {}\n",
                   fmt::format("{}#{}", m.at("peer").get<std::string>().substr(0, 8),
                               m.at("incarnation").get<uint64_t>()),
                   words(m.at("name")), words(m.at("region")), round_trip(m.at("rtt_us").get<int64_t>()),
                   standing);
    }
    for (const json& m : state.at("members")) {
        const std::string unreached = printable(m.value("unreached", ""));
        if (!unreached.empty()) fmt::print("{}\n", unreached);
    }
    if (state.at("members").empty()) fmt::print("(nobody)\n");
    if (state.at("removed").empty()) return;
    fmt::print("\nlately out:\n");
    for (const json& r : state.at("removed")) {
        fmt::print("  {:<14} {} in epoch {}: {}\n", r.at("member").get<std::string>(),
                   r.at("left").get<bool>() ? "left" : "evicted", r.at("epoch").get<uint64_t>(),
                   words(r.at("reason")));
    }
}

}  // namespace

int run_state(const StateCommand& command) {
    const Result<StatePage> page = fetch_state(command.http);
    if (!page.ok()) return fail_with(page.error().detail);
    if (command.json) {
        fmt::print("{}", page->body);
        return end_of(*page, command.http);
    }
    try {
        print_table(json::parse(page->body));
    } catch (const json::exception& problem) {
        return fail_with(fmt::format("{}: not a coordinator's state: {}", command.http, problem.what()));
    }
    return end_of(*page, command.http);
}

}  // namespace whim::cli
