// round.h: beginning, committing and looking up rounds.
#include "whimbrel/round.h"

#include "api/handles.h"
#include "api/members.h"

using namespace whim;
using namespace whim::api;

namespace {

static_assert(WHIM_COMMIT_BYTES_MAX == limits::kCommitBytesMax);
static_assert(WHIM_DIGEST_SIZE == sizeof(Digest::bytes));

Result<wire::Vote> vote_of(const whim_commit_options& options) {
    if (options.bytes_len > limits::kCommitBytesMax)
        return invalid(fmt::format("bytes_len {}: at most {}", options.bytes_len, limits::kCommitBytesMax));
    if (options.bytes_len > 0 && !options.bytes) return invalid("bytes is NULL and bytes_len is not 0");
    wire::Vote vote;
    std::copy(std::begin(options.digest), std::end(options.digest), vote.digest.bytes.begin());
    vote.samples = options.samples;
    const auto* bytes = static_cast<const uint8_t*>(options.bytes);
    vote.bytes.assign(bytes, bytes + options.bytes_len);
    return vote;
}

// What the participants' list says of a member, or just its id.
whim_member describe(const RoundInfo& info, const MemberId& id) {
    for (const auto& participant : info.participants)
        if (participant.id == id) return member_of(participant);
    return member_of(id);
}

std::vector<MemberId> order_of(const RoundInfo& info) {
    std::vector<MemberId> order;
    for (const auto& participant : info.participants) order.push_back(participant.id);
    return order;
}

}  // namespace

extern "C" {

whim_result whim_round_begin(whim_group* group, const whim_round_options* options, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) -> Result<Runtime::Handle> {
        whim_round_options given;
        if (const Status ok = read_options(options, given, "options"); !ok) return ok.error();
        if (given.reserved != 0) return invalid(fmt::format("reserved {}: it is zero", given.reserved));
        return runtime.round_begin(Round{given.state_round});
    });
}

whim_result whim_round_get_info(const whim_op* op, whim_round_info* info) {
    return carry_out([&]() -> Status {
        const auto found = info_of<RoundInfo>(op);
        if (!found) return found.error();
        const RoundInfo& in = **found;
        whim_round_info out = WHIM_ROUND_INFO_INIT;
        out.rank = in.rank;
        out.world_size = static_cast<uint32_t>(in.participants.size());
        out.joined = static_cast<uint32_t>(in.joined.size());
        out.left = static_cast<uint32_t>(in.left.size());
        out.excluded = static_cast<uint32_t>(in.excluded.size());
        out.round = in.round.value;
        out.epoch = in.epoch.value;
        out.committed = in.committed.value;
        out.heal_self = in.heal_self ? 1 : 0;
        out.healing_any = in.healing_any ? 1 : 0;
        out.donor_rank = in.donor_rank;
        return write_info(info, out, "info");
    });
}

whim_result whim_round_get_member(const whim_op* op, uint32_t list, uint32_t index, whim_member* member) {
    return carry_out([&]() -> Status {
        const auto found = info_of<RoundInfo>(op);
        if (!found) return found.error();
        const RoundInfo& in = **found;
        const auto order = order_of(in);
        switch (list) {
            case WHIM_ROUND_PARTICIPANTS:
                return write_member(in.participants, index, member, [&](whim_member& m) {
                    m.rank = index;
                    m.is_self = index == in.rank ? 1 : 0;
                });
            case WHIM_ROUND_JOINED:
                return write_member(in.joined, index, member, [&](whim_member& m) {
                    m = describe(in, in.joined[index]);
                    m.rank = rank_in(order, in.joined[index]);
                    m.is_self = m.rank == in.rank ? 1 : 0;
                });
            case WHIM_ROUND_LEFT: return write_member(in.left, index, member);
            case WHIM_ROUND_EXCLUDED: return write_member(in.excluded, index, member);
            default: return invalid(fmt::format("list {} is unknown", list));
        }
    });
}

whim_result whim_round_commit(whim_group* group, const whim_commit_options* options, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) -> Result<Runtime::Handle> {
        whim_commit_options given;
        if (const Status ok = read_options(options, given, "options"); !ok) return ok.error();
        auto vote = vote_of(given);
        if (!vote) return vote.error();
        return runtime.round_commit(Round{given.round}, std::move(*vote));
    });
}

whim_result whim_commit_get_info(const whim_op* op, whim_commit_info* info) {
    return carry_out([&]() -> Status {
        const auto found = info_of<CommitInfo>(op);
        if (!found) return found.error();
        const wire::RoundOutcome& in = (*found)->outcome;
        whim_commit_info out = WHIM_COMMIT_INFO_INIT;
        out.committed = in.committed ? 1 : 0;
        out.round = in.round.value;
        out.contributors = static_cast<uint32_t>(in.contributors.size());
        out.diverged = static_cast<uint32_t>(in.diverged.size());
        std::copy(in.digest.bytes.begin(), in.digest.bytes.end(), out.digest);
        copy_text(out.reason, in.reason);
        return write_info(info, out, "info");
    });
}

whim_result whim_commit_get_member(const whim_op* op, uint32_t list, uint32_t index, whim_member* member) {
    return carry_out([&]() -> Status {
        const auto found = info_of<CommitInfo>(op);
        if (!found) return found.error();
        switch (list) {
            case WHIM_COMMIT_CONTRIBUTORS: return write_member((*found)->outcome.contributors, index, member);
            case WHIM_COMMIT_DIVERGED: return write_member((*found)->outcome.diverged, index, member);
            default: return invalid(fmt::format("list {} is unknown", list));
        }
    });
}

whim_result whim_round_record(whim_group* group, uint64_t round, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) { return runtime.record(Round{round}); });
}

whim_result whim_record_get_info(const whim_op* op, whim_record_info* info) {
    return carry_out([&]() -> Status {
        const auto found = info_of<wire::RoundRecord>(op);
        if (!found) return found.error();
        const wire::RoundRecord& in = **found;
        whim_record_info out = WHIM_RECORD_INFO_INIT;
        out.participants = static_cast<uint32_t>(in.participants.size());
        out.round = in.round.value;
        out.epoch = in.epoch.value;
        out.votes = static_cast<uint32_t>(std::min(in.votes.size(), in.contributors.size()));
        std::copy(in.digest.bytes.begin(), in.digest.bytes.end(), out.digest);
        return write_info(info, out, "info");
    });
}

whim_result whim_record_get_vote(const whim_op* op, uint32_t index, whim_record_vote* vote) {
    return carry_out([&]() -> Status {
        const auto found = info_of<wire::RoundRecord>(op);
        if (!found) return found.error();
        const wire::RoundRecord& in = **found;
        const size_t votes = std::min(in.votes.size(), in.contributors.size());
        if (index >= votes) return invalid(fmt::format("vote {} of {}", index, votes));
        whim_record_vote out = WHIM_RECORD_VOTE_INIT;
        out.bytes_len = static_cast<uint32_t>(in.votes[index].bytes.size());
        out.bytes = in.votes[index].bytes.data();
        out.samples = in.votes[index].samples;
        out.incarnation = in.contributors[index].incarnation.value;
        copy_text(out.id, to_hex(in.contributors[index].peer));
        return write_info(vote, out, "vote");
    });
}

}  // extern "C"
