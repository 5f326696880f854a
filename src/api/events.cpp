// events.h over the group's queue.
#include "whimbrel/events.h"

#include "api/handles.h"
#include "api/structs.h"

using namespace whim;
using namespace whim::api;

static_assert(WHIM_EVENT_JOINED == static_cast<int>(EventKind::joined));
static_assert(WHIM_EVENT_PEER_ROUTED == static_cast<int>(EventKind::peer_routed));
static_assert(WHIM_EVENT_NOT_REACHED == static_cast<int>(EventKind::not_reached));

extern "C" {

whim_result whim_group_next_event(whim_group* group, whim_event* event) {
    bool found = false;
    const whim_result copied = carry_out([&]() -> Status {
        if (!group) return invalid("group is NULL");
        if (!event) return invalid("event is NULL");
        if (const Status size = check_size(event, "event"); !size) return size;
        const auto next = group->runtime->events().pop();
        if (!next) return {};
        found = true;
        whim_event value = WHIM_EVENT_INIT;
        value.kind = static_cast<uint32_t>(next->kind);
        value.round = next->round.value;
        value.epoch = next->epoch.value;
        value.incarnation = next->member.incarnation.value;
        if (!next->member.peer.is_zero()) copy_text(value.id, to_hex(next->member.peer));
        copy_text(value.text, next->text);
        return write_info(event, value, "event");
    });
    return copied == WHIM_OK && !found ? static_cast<whim_result>(WHIM_NO_EVENT) : copied;
}

int whim_group_event_fd(const whim_group* group) {
    if (!group) return remember(invalid("group is NULL"));
    return group->runtime->events().descriptor();
}

}  // extern "C"
