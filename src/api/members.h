// whim_member from what the core knows of a member.
#pragma once

#include "api/structs.h"
#include "runtime/values.h"
#include "whimbrel/member.h"

namespace whim::api {

whim_member member_of(const MemberId& id);
whim_member member_of(const wire::MemberInfo& info);
whim_member member_of(const wire::Removal& removal);
whim_member member_of(const wire::MemberReason& reason);

// Copies list[index] out, completed by refine(whim_member&).
template <class List, class Refine>
Status write_member(const List& list, uint32_t index, whim_member* out, Refine refine) {
    if (index >= list.size()) return invalid(fmt::format("index {} of a list of {}", index, list.size()));
    whim_member value = member_of(list[index]);
    refine(value);
    return write_info(out, value, "member");
}

template <class List> Status write_member(const List& list, uint32_t index, whim_member* out) {
    return write_member(list, index, out, [](whim_member&) {});
}

// The place of a member in a rank-ordered list, or WHIM_RANK_NONE.
uint32_t rank_in(const std::vector<MemberId>& order, const MemberId& member);

}  // namespace whim::api
