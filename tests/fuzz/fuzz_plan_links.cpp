// Any text is a flock or refused, with a reason.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/limits.h"
#include "collectives/plan/link_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace whim;
    if (size == 0) return 0;
    const auto flock = plan::parse_links({reinterpret_cast<const char*>(data), size});
    if (!flock.ok()) {
        WHIM_ASSERT(!flock.error().detail.empty());
        return 0;
    }
    WHIM_ASSERT(flock->links.members() == flock->names.size());
    for (uint32_t v = 0; v < flock->links.members(); ++v) {
        WHIM_ASSERT(flock->links.member(v).up <= limits::kPlanRateMax);
        WHIM_ASSERT(flock->links.member(v).region < flock->regions.size());
    }
    return 0;
}
