// What is decoded is a plan in its one form, whatever the bytes; and what is planned for any links is one.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "collectives/plan/check_plan.h"
#include "collectives/plan/plan_code.h"
#include "collectives/plan/planner.h"

namespace {

using namespace whim;
using namespace whim::plan;

void bytes_of_a_plan(ByteSpan bytes) {
    const Result<Plan> plan = decode(bytes);
    if (!plan.ok()) return;
    const Bytes again = encode(*plan);
    WHIM_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    uint64_t next = 0;
    for (const ElementRange& range : elements_of(*plan, 1'000'003)) {
        WHIM_ASSERT(range.begin == next && range.end >= range.begin);
        next = range.end;
    }
    WHIM_ASSERT(next == 1'000'003);
}

// Figures of any size, each from one byte: 0 is not known, 255 is the largest there is.
void links_of(ByteSpan bytes) {
    ByteReader in(bytes);
    const uint32_t n = 1 + in.u8() % 7;
    const auto rate = [&]() -> uint64_t {
        const uint8_t byte = in.u8();
        return byte == 0 ? 0 : byte == 255 ? UINT64_MAX : uint64_t{1} << byte % 44;
    };
    Links links(n);
    Work work;
    work.bytes = uint64_t{1} << in.u8() % 50;
    for (uint32_t a = 0; a < n; ++a) {
        links.member(a) = {rate(), rate(), in.u8() % 3u};
        for (uint32_t b = 0; b < n; ++b) {
            const uint8_t rtt = in.u8();
            links.pair(a, b) = {rate(), rtt == 255 ? UINT32_MAX : uint32_t{rtt} * 1000, in.u8() > 250};
        }
    }
    const Choice choice = plan_for(links, work);
    for (const Candidate& candidate : choice.candidates) {
        if (!candidate.plan) continue;
        WHIM_ASSERT(check(*candidate.plan).ok());
        WHIM_ASSERT(candidate.name == "direct, waiting" || check_reach(*candidate.plan, links).ok());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 1) return 0;
    const auto rest = std::as_bytes(std::span(data, size)).subspan(1);
    if (data[0] % 2 == 0) bytes_of_a_plan(rest);
    else links_of(rest);
    return 0;
}
