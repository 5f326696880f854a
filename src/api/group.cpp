// group.h: a peer's life, its standing, and pictures of the view.
#include "whimbrel/group.h"

#include "api/addresses.h"
#include "api/group_options.h"
#include "api/handles.h"
#include "api/members.h"
#include "runtime/system.h"

using namespace whim;
using namespace whim::api;

struct whim_view {
    wire::View view;
    std::vector<LinkStats> links;  // beside view.members
    MemberId self;
    Instant taken;
};

namespace {

std::vector<MemberId> order_of(const wire::View& view) {
    std::vector<MemberId> order;
    for (const auto& member : view.members) order.push_back(member.id);
    return order;
}

whim_view picture_of(const Engine& engine) {
    whim_view picture{engine.view(), {}, engine.self(), runtime::now()};
    const auto links = engine.links();
    for (const auto& member : picture.view.members) {
        LinkStats stats;
        for (const auto& [id, found] : links)
            if (id == member.id) stats = found;
        picture.links.push_back(stats);
    }
    return picture;
}

whim_group_info standing_of(const Engine& engine) {
    whim_group_info out = WHIM_GROUP_INFO_INIT;
    out.rank = rank_in(order_of(engine.view()), engine.self());
    out.world_size = static_cast<uint32_t>(engine.view().members.size());
    out.incarnation = engine.self().incarnation.value;
    out.epoch = engine.view().epoch.value;
    out.round = engine.round().value;
    out.ops_completed = engine.counters().ops_completed;
    out.ops_failed = engine.counters().ops_failed;
    out.bytes_sent = engine.counters().payload_bytes_sent;
    out.bytes_received = engine.counters().payload_bytes_received;
    return out;
}

whim_link_info link_of(const LinkStats& in, Instant taken) {
    const auto ns = [](Duration span) { return static_cast<uint64_t>(span.ns); };
    whim_link_info out = WHIM_LINK_INFO_INIT;
    out.up = in.up ? 1 : 0;
    if (in.last_heard.ns > 0) out.silent_ns = ns(taken - in.last_heard);
    out.rtt_min_ns = ns(in.rtt_min);
    out.rtt_smoothed_ns = ns(in.rtt_smoothed);
    out.bytes_sent = in.bytes_sent;
    out.bytes_received = in.bytes_received;
    out.messages_sent = in.messages_sent;
    out.messages_received = in.messages_received;
    out.bulk_frames_sent = in.bulk_frames_sent;
    out.bulk_frames_received = in.bulk_frames_received;
    out.bulk_frames_resent = in.bulk_frames_resent;
    out.strands_lost = in.strands_lost;
    out.rtt_p99_ns = ns(in.rtt_p99);
    out.queueing_delay_ns = ns(in.queueing_delay());
    out.path_rtt_ns = ns(in.path_rtt);
    out.rate_sent_bytes_per_s = in.rate_sent;
    out.rate_received_bytes_per_s = in.rate_received;
    out.bytes_retransmitted = in.bytes_retransmitted;
    out.strands_open = in.strands;
    out.strands_used = in.strands_used;
    copy_text(out.strands_reason, in.strands_reason);
    if (in.via) copy_text(out.via, to_hex(in.via->peer));
    out.pace_bytes_per_s = in.pace;
    out.lossy = in.lossy ? 1 : 0;
    copy_text(out.pace_reason, in.pace_reason);
    out.bytes_copied = in.bytes_copied;
    return out;
}

Status gone() { return fail(Code::E_LEFT, "the group was shut down"); }

Status check_rank(const whim_view* view, uint32_t rank) {
    if (!view) return invalid("view is NULL");
    if (rank >= view->view.members.size())
        return invalid(fmt::format("rank {} of a view of {}", rank, view->view.members.size()));
    return {};
}

}  // namespace

extern "C" {

whim_result whim_group_create(const whim_group_options* options, whim_group** group) {
    return carry_out([&]() -> Status {
        if (!group) return invalid("group is NULL: the handle must go somewhere");
        auto wishes = peer_options(options);
        if (!wishes) return wishes.error();
        auto made = Runtime::create(std::move(*wishes));
        if (!made) return made.error();
        *group = new whim_group{std::move(*made)};
        return {};
    });
}

whim_result whim_group_join(whim_group* group, whim_op** op) {
    return start_op(group, op, [](Runtime& runtime) { return runtime.join(); });
}

whim_result whim_group_leave(whim_group* group, const char* reason, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) { return runtime.leave(reason ? reason : "it left"); });
}

whim_result whim_group_destroy(whim_group* group) {
    return carry_out([&]() -> Status {
        if (!group) return {};
        if (runtime::Board::inside_callback())
            return fail(Code::E_WOULD_DEADLOCK, "destroying a group inside a callback");
        group->runtime->shutdown();
        delete group;
        return {};
    });
}

whim_result whim_group_interrupt(whim_group* group) {
    return carry_out([&]() -> Status {
        if (!group) return invalid("group is NULL");
        group->runtime->board().interrupt();
        return {};
    });
}

whim_result whim_group_set_rate_limits(whim_group* group, uint64_t rate_limit, uint64_t link_rate_limit) {
    return carry_out([&]() -> Status {
        if (!group) return invalid("group is NULL");
        return group->runtime->limit_rate(rate_limit, link_rate_limit);
    });
}

whim_result whim_group_get_info(whim_group* group, whim_group_info* info) {
    return carry_out([&]() -> Status {
        if (!group) return invalid("group is NULL");
        Runtime& runtime = *group->runtime;
        auto value = runtime.ask(standing_of);
        if (!value) return gone();
        value->coordinator_connected = runtime.coordinator_connected() ? 1 : 0;
        value->ops_open = runtime.ops_open();
        copy_text(value->id, to_hex(runtime.id()));
        copy_text(value->name, runtime.options().name);
        copy_text(value->run, runtime.options().run);
        copy_text(value->listen, to_string(runtime.listening()));
        copy_text(value->advertise, join_addresses(runtime.options().advertise));
        return write_info(info, *value, "info");
    });
}

whim_result whim_group_waiting_for(whim_group* group, char* text, size_t text_size) {
    return carry_out([&]() -> Status {
        if (!group) return invalid("group is NULL");
        if (!text || text_size == 0) return invalid("there is no room for the text");
        const auto words = group->runtime->waiting_for();
        if (!words) return gone();
        copy_text(text, text_size, *words);
        return {};
    });
}

whim_result whim_group_view(whim_group* group, whim_view** view) {
    return carry_out([&]() -> Status {
        if (!group) return invalid("group is NULL");
        if (!view) return invalid("view is NULL: the handle must go somewhere");
        auto picture = group->runtime->ask(picture_of);
        if (!picture) return gone();
        *view = new whim_view(std::move(*picture));
        return {};
    });
}

void whim_view_release(whim_view* view) { delete view; }

uint64_t whim_view_epoch(const whim_view* view) { return view ? view->view.epoch.value : 0; }

uint32_t whim_view_size(const whim_view* view) {
    return view ? static_cast<uint32_t>(view->view.members.size()) : 0;
}

whim_result whim_view_get_member(const whim_view* view, uint32_t rank, whim_member* member) {
    return carry_out([&]() -> Status {
        if (const Status known = check_rank(view, rank); !known) return known;
        return write_member(view->view.members, rank, member, [&](whim_member& m) {
            m.rank = rank;
            m.is_self = view->view.members[rank].id == view->self ? 1 : 0;
        });
    });
}

whim_result whim_view_get_link(const whim_view* view, uint32_t rank, whim_link_info* link) {
    return carry_out([&]() -> Status {
        if (const Status known = check_rank(view, rank); !known) return known;
        return write_info(link, link_of(view->links[rank], view->taken), "link");
    });
}

}  // extern "C"
