// Lines are what their links carry together.
#include "group/link_figures.h"

#include <algorithm>

#include "base/limits.h"

namespace whim::group {
namespace {

static_assert(limits::kPlanPublishedMembersMax * limits::kPlanPublishedMembersMax == limits::kLinkFiguresMax);

bool few_enough(size_t members) { return members >= 3 && members <= limits::kPlanPublishedMembersMax; }

uint64_t plus(uint64_t a, uint64_t b) { return a + std::min(b, UINT64_MAX - a); }

}  // namespace

std::vector<wire::LinkFigure> link_figures(const LinkMatrix& links,
                                           const std::vector<MemberId>& participants) {
    const size_t n = participants.size();
    if (!few_enough(n)) return {};
    std::vector<wire::LinkFigure> figures(n * n);
    std::vector<uint64_t> up(n, 0), down(n, 0);
    for (size_t from = 0; from < n; ++from) {
        for (size_t to = 0; to < n; ++to) {
            if (from == to) continue;
            const LinkMatrix::Entry* entry =
                links.find(participants[from].incarnation, participants[to].incarnation);
            if (entry == nullptr || !entry->reading.up || entry->reading.pace == 0) return {};
            const wire::LinkReading& reading = entry->reading;
            const bool relayed = reading.via != Incarnation{};
            figures[from * n + to] = {relayed ? wire::LinkFigure::kCut : wire::figure_of(reading.pace),
                                      wire::figure_of(reading.rtt_min_us)};
            up[from] = plus(up[from], reading.pace);
            down[to] = plus(down[to], reading.pace);
        }
    }
    for (size_t i = 0; i < n; ++i) figures[i * n + i] = {wire::figure_of(down[i]), wire::figure_of(up[i])};
    return figures;
}

std::vector<wire::LinkFigure> link_figures(const GivenLinks& given, const std::vector<std::string>& names) {
    const size_t n = names.size();
    if (!few_enough(n)) return {};
    std::vector<size_t> at;
    for (const std::string& name : names) {
        const auto found = std::find(given.names.begin(), given.names.end(), name);
        const auto row = static_cast<size_t>(found - given.names.begin());
        if (found == given.names.end() || std::find(at.begin(), at.end(), row) != at.end()) return {};
        at.push_back(row);
    }
    std::vector<wire::LinkFigure> figures;
    for (const size_t from : at) {
        for (const size_t to : at) figures.push_back(given.figures[from * given.names.size() + to]);
    }
    return figures;
}

}  // namespace whim::group
