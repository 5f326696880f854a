// While a link has no control strand, a bulk strand takes its place: heartbeats, acknowledgements and messages
// do not wait for a dial and three handshakes. Both ends say on it what has come of the messages, and send the
// rest again; numbers tell what comes twice. A new control strand takes over as it does anyway: hello and
// reply say the same.
#include "transport/session/endpoint_impl.h"

namespace whim {

// The strand that control frames leave by; null: none.
Strand* Endpoint::Impl::control_carrier(const Link& link) {
    for (const Slot& slot : link.slots) {
        if (slot.strand) return slot.strand.get();
    }
    return nullptr;
}

// A strand was lost and others are there. What was on it may be lost, on its way there and back.
void Endpoint::Impl::step_aside(Link& link) {
    if (!link.control_up()) {
        link.aside = {.announce = true, .open = false};
        acknowledge_again(link);
    }
    wake_control(link);
}

// The other side has said what it has.
void Endpoint::Impl::went_aside(Link& link) {
    link.aside.open = true;
    wake_control(link);
}

void Endpoint::Impl::acknowledge_again(Link& link) {
    for (Slot& slot : link.slots) slot.ack_due = slot.received > 0;
}

}  // namespace whim
