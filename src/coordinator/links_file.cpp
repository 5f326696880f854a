// From the planner's form to that of messages.
#include "coordinator/links_file.h"

#include <fstream>
#include <iterator>

#include "base/limits.h"
#include "collectives/plan/link_text.h"

namespace whim::coordinator {

Result<group::GivenLinks> read_links(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(Code::E_INVALID, "links " + path + ": cannot be read");
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const Result<plan::NamedLinks> named = plan::parse_links(text);
    if (!named.ok()) return fail(Code::E_INVALID, "links " + path + ": " + named.error().detail);
    group::GivenLinks given;
    given.names = named->names;
    const uint32_t n = named->links.members();
    for (uint32_t from = 0; from < n; ++from) {
        for (uint32_t to = 0; to < n; ++to) {
            if (from == to) {
                const plan::Links::Member& line = named->links.member(from);
                given.figures.push_back({wire::figure_of(line.down), wire::figure_of(line.up)});
                continue;
            }
            const plan::Links::Pair& pair = named->links.pair(from, to);
            given.figures.push_back({pair.cut ? wire::LinkFigure::kCut : wire::figure_of(pair.rate),
                                     wire::figure_of(pair.rtt_us)});
        }
    }
    return given;
}

}  // namespace whim::coordinator
