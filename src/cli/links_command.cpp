// `whimbrel links`: what members measured on their links, as matrices for people. Row to column: a round trip
// and a rate as the row's member saw them.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "cli/commands.h"
#include "cli/matrix.h"
#include "cli/state_client.h"
#include "cli/words.h"

namespace whim::cli {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMatrixMembersMax = 16;  // more do not fit a terminal: then a list of the slowest
constexpr size_t kListedMax = 16;

struct Link {
    size_t from = 0, to = 0;  // places in Links::members
    bool up = false;
    std::string via;
    int64_t rtt_us = 0, rtt_min_us = 0;
    uint64_t rate = 0;
    double retransmitted = 0;
    uint32_t strands = 0;
    std::string strands_reason;
    uint64_t pace = 0;  // 0: no bound
    std::string pace_reason;
    bool lossy = false;
};

struct Links {
    std::vector<std::string> members;  // of the view, in rank order, as "NAME ID#INCARNATION"
    std::vector<Link> links;
    uint64_t left_out = 0;
};

std::string words(const ordered_json& text) { return printable(text.get<std::string>()); }

// Throws what nlohmann throws when the page is not what it should be.
Links read(const ordered_json& state) {
    Links all;
    std::map<std::string, size_t> place;
    for (const ordered_json& m : state.at("members")) {
        if (!m.at("in_view").get<bool>()) continue;
        const std::string id = fmt::format("{}#{}", m.at("peer").get<std::string>().substr(0, 8),
                                           m.at("incarnation").get<uint64_t>());
        place[id] = all.members.size();
        const std::string name = words(m.at("name"));
        all.members.push_back(name.empty() ? id : name + " " + id);
    }
    for (const ordered_json& l : state.at("links")) {
        const auto from = place.find(l.at("from").get<std::string>());
        const auto to = place.find(l.at("to").get<std::string>());
        if (from == place.end() || to == place.end()) continue;
        Link link;
        link.from = from->second, link.to = to->second;
        link.up = l.at("up").get<bool>();
        const std::string via = words(l.at("via"));
        const auto relay = place.find(via);
        link.via = relay == place.end() ? via : all.members[relay->second];
        link.rtt_us = l.at("rtt_us").get<int64_t>();
        link.rtt_min_us = l.at("rtt_min_us").get<int64_t>();
        link.rate = l.at("rate_bytes_per_s").get<uint64_t>();
        link.retransmitted = l.at("retransmitted_ratio").get<double>();
        link.strands = l.at("strands").get<uint32_t>();
        link.strands_reason = words(l.at("strands_reason"));
        link.pace = l.at("pace_bytes_per_s").get<uint64_t>();
        link.pace_reason = words(l.at("pace_reason"));
        link.lossy = l.at("lossy").get<bool>();
        all.links.push_back(std::move(link));
    }
    all.left_out = state.at("links_left_out").get<uint64_t>();
    return all;
}

using Figure = std::function<std::pair<std::string, double>(const Link&)>;  // as text, and what it costs

void print_matrix(const Links& all, const char* title, const Figure& figure) {
    Matrix matrix(title, all.members);
    for (const Link& l : all.links) {
        Matrix::Cell& cell = matrix.at(l.from, l.to);
        if (!l.up) {
            cell.text = "down";
            continue;
        }
        const auto [text, cost] = figure(l);
        cell.text = text + (l.via.empty() ? "" : "*");
        if (cost > 0) cell.cost = cost;
    }
    fmt::print("\n{}", text_of(matrix));
}

std::string pair_of(const Links& all, const Link& l) {
    return fmt::format("{} -> {}", all.members[l.from], all.members[l.to]);
}

std::string figures_of(const Link& l) {
    if (!l.up) return "down";
    std::string text =
        fmt::format("round trip {} (at least {}), {}, {} strand{}", round_trip(l.rtt_us),
                    round_trip(l.rtt_min_us), rate(l.rate), l.strands, l.strands == 1 ? "" : "s");
    if (l.retransmitted > 0) text += fmt::format(", {:.2f} % sent again", l.retransmitted * 100);
    if (l.lossy) text += ", lost at random";
    return text + (l.via.empty() ? "" : ", through " + l.via);
}

void print_extremes(const Links& all) {
    const auto slowest =
        std::max_element(all.links.begin(), all.links.end(), [](const Link& a, const Link& b) {
            return std::make_tuple(!a.up, a.rtt_us) < std::make_tuple(!b.up, b.rtt_us);
        });
    fmt::print("\nslowest: {}: {}\n", pair_of(all, *slowest), figures_of(*slowest));
    const Link* least = nullptr;
    for (const Link& l : all.links) {
        if (l.up && l.rate > 0 && (least == nullptr || l.rate < least->rate)) least = &l;
    }
    if (least != nullptr) fmt::print("least rate: {}: {}\n", pair_of(all, *least), figures_of(*least));
}

// Each decision once, with the pairs that it holds for.
template <class Decision> void print_decisions(const Links& all, const char* title, Decision decision_of) {
    std::map<decltype(decision_of(all.links.front())), std::vector<const Link*>> by_decision;
    for (const Link& l : all.links) {
        if (l.up) by_decision[decision_of(l)].push_back(&l);
    }
    fmt::print("\n{}:\n", title);
    for (const auto& [decision, links] : by_decision) {
        std::string pairs;
        for (const Link* l : links) pairs += fmt::format(" {}->{}", l->from, l->to);
        if (links.size() > kListedMax) pairs = fmt::format(" {} links", links.size());
        fmt::print("  {}: {}:{}\n", decision.first, decision.second, pairs);
    }
}

void print_slowest(Links all) {
    std::sort(all.links.begin(), all.links.end(), [](const Link& a, const Link& b) {
        return std::make_tuple(!a.up, a.rtt_us) > std::make_tuple(!b.up, b.rtt_us);
    });
    fmt::print("\nslowest:\n");
    for (size_t i = 0; i < std::min(all.links.size(), kListedMax); ++i) {
        fmt::print("  {}: {}\n", pair_of(all, all.links[i]), figures_of(all.links[i]));
    }
}

void print_people(const ordered_json& state) {
    const Links all = read(state);
    fmt::print("run {}   epoch {}   {} members   {} links measured{}\n", words(state.at("run")),
               state.at("epoch").get<uint64_t>(), all.members.size(), all.links.size(),
               all.left_out == 0 ? "" : fmt::format(", {} faster ones left out", all.left_out));
    if (all.links.empty()) {
        fmt::print("no measurements yet; members report every few seconds once they are linked\n");
        return;
    }
    if (all.members.size() > kMatrixMembersMax) return print_slowest(all);
    print_matrix(all, "round trip", [](const Link& l) {
        return std::make_pair(round_trip(l.rtt_us), static_cast<double>(l.rtt_us));
    });
    print_matrix(all, "delivered, row to column", [](const Link& l) {
        return std::make_pair(rate(l.rate), l.rate == 0 ? 0.0 : 1.0 / static_cast<double>(l.rate));
    });
    const bool relayed =
        std::any_of(all.links.begin(), all.links.end(), [](const Link& l) { return !l.via.empty(); });
    if (relayed) fmt::print("* through a third member:\n");
    for (const Link& l : all.links) {
        if (!l.via.empty()) fmt::print("  {} through {}\n", pair_of(all, l), l.via);
    }
    print_extremes(all);
    print_decisions(all, "strands",
                    [](const Link& l) { return std::make_pair(l.strands, l.strands_reason); });
    print_decisions(all, "pace, at most", [](const Link& l) {
        return std::make_pair(l.pace == 0 ? "no bound" : rate(l.pace), l.pace_reason);
    });
}

void print_json(const ordered_json& state) {
    ordered_json out;
    for (const char* part : {"run", "epoch", "links", "links_left_out"}) out[part] = state.at(part);
    out["members"] = ordered_json::array();
    for (const ordered_json& m : state.at("members")) {
        if (!m.at("in_view").get<bool>()) continue;
        ordered_json member;
        for (const char* part : {"peer", "incarnation", "name", "region"}) member[part] = m.at(part);
        out["members"].push_back(std::move(member));
    }
    fmt::print("{}\n", out.dump(2));
}

}  // namespace

int run_links(const LinksCommand& command) {
    const Result<StatePage> page = fetch_state(command.http);
    if (!page.ok()) return fail_with(page.error().detail);
    try {
        const ordered_json state = ordered_json::parse(page->body);
        command.json ? print_json(state) : print_people(state);
    } catch (const nlohmann::json::exception& problem) {
        return fail_with(fmt::format("{}: not a coordinator's state: {}", command.http, problem.what()));
    }
    return end_of(*page, command.http);
}

}  // namespace whim::cli
