// While a link has no control strand, a bulk strand takes its place: heartbeats, acknowledgements and
// messages do not wait for a dial and three handshakes. Whoever noticed says so, for the other side may not
// have. All messages that are not acknowledged are sent again; by their numbers the other side knows what
// comes twice. A new control strand takes over with hello and reply.
#include "transport/session/endpoint_impl.h"

namespace whim {

// The strand that control frames leave by; null: none.
Strand* Endpoint::Impl::control_carrier(const Link& link) {
    return link.slots[link.control_up() ? 0 : link.aside].strand.get();
}

// A strand was lost and others are there. What was on it may be lost, on its way there and back. Messages
// keep to one strand until it is lost: on two they could overtake each other.
void Endpoint::Impl::step_aside(Link& link) {
    if (!link.control_up()) {
        if (!link.slots[link.aside].strand) {
            link.aside = 0;
            while (!link.slots[link.aside].strand) ++link.aside;
        }
        link.control_lost_due = true;
        link.messages.rewind(0);
        acknowledge_again(link);
    }
    wake_control(link);
}

void Endpoint::Impl::acknowledge_again(Link& link) {
    for (Slot& slot : link.slots) slot.ack_due = slot.received > 0;
}

}  // namespace whim
