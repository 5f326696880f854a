// Plain copies, each list filling in what it knows.
#include "api/members.h"

#include <algorithm>

#include "api/addresses.h"

namespace whim::api {

whim_member member_of(const MemberId& id) {
    whim_member out = WHIM_MEMBER_INIT;
    out.rank = WHIM_RANK_NONE;
    out.incarnation = id.incarnation.value;
    copy_text(out.id, to_hex(id.peer));
    return out;
}

whim_member member_of(const wire::MemberInfo& info) {
    whim_member out = member_of(info.id);
    copy_text(out.name, info.name);
    copy_text(out.region, info.region);
    copy_text(out.addresses, join_addresses(info.addresses));
    out.outbound_only = info.outbound_only ? 1 : 0;
    return out;
}

whim_member member_of(const wire::Removal& removal) {
    whim_member out = member_of(removal.member);
    out.epoch = removal.epoch.value;
    out.by_own_wish = removal.left ? 1 : 0;
    copy_text(out.reason, removal.reason);
    return out;
}

whim_member member_of(const wire::MemberReason& reason) {
    whim_member out = member_of(reason.member);
    copy_text(out.reason, reason.reason);
    return out;
}

uint32_t rank_in(const std::vector<MemberId>& order, const MemberId& member) {
    const auto hit = std::find(order.begin(), order.end(), member);
    return hit == order.end() ? WHIM_RANK_NONE : static_cast<uint32_t>(hit - order.begin());
}

}  // namespace whim::api
