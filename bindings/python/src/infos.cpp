// What ops, rounds, commits and records say, copied out of the C structs into dictionaries.
#include <string>

#include "errors.h"
#include "op.h"
#include "whimbrel/round.h"

namespace whim_python {
namespace {

using py::literals::operator""_a;

// One list of `count` members, each copied by get(index, &member).
template <class Get> py::list members(uint32_t count, const Get& get) {
    py::list out;
    for (uint32_t index = 0; index < count; ++index) {
        whim_member member = WHIM_MEMBER_INIT;
        check(get(index, &member));
        out.append(member_dict(member));
    }
    return out;
}

py::bytes digest_bytes(const uint8_t* digest) {
    return {reinterpret_cast<const char*>(digest), WHIM_DIGEST_SIZE};
}

py::dict contributor_set(const whim_op* op, uint32_t number) {
    whim_contributor_set set = WHIM_CONTRIBUTOR_SET_INIT;
    check(whim_op_get_contributor_set(op, number, &set));
    return py::dict("members"_a = members(set.members,
                                          [&](uint32_t index, whim_member* member) {
                                              return whim_op_get_contributor(op, number, index, member);
                                          }),
                    "elements"_a = set.elements);
}

py::list contributor_runs(const whim_op* op, uint32_t count) {
    py::list out;
    for (uint32_t index = 0; index < count; ++index) {
        whim_contributor_run run = WHIM_CONTRIBUTOR_RUN_INIT;
        check(whim_op_get_contributor_run(op, index, &run));
        out.append(py::make_tuple(run.set, run.first, run.count));
    }
    return out;
}

}  // namespace

py::dict member_dict(const whim_member& member) {
    return py::dict("id"_a = member.id, "incarnation"_a = member.incarnation, "name"_a = member.name,
                    "rank"_a = member.rank == WHIM_RANK_NONE ? py::object(py::none()) : py::int_(member.rank),
                    "region"_a = member.region, "addresses"_a = member.addresses, "reason"_a = member.reason,
                    "by_own_wish"_a = member.by_own_wish != 0, "is_self"_a = member.is_self != 0,
                    "outbound_only"_a = member.outbound_only != 0, "epoch"_a = member.epoch);
}

py::dict op_info(const Op& op) {
    whim_op_info info = WHIM_OP_INFO_INIT;
    check(whim_op_get_info(op.raw(), &info));
    py::list sets;
    py::list runs;
    py::list gone;
    if (info.result != WHIM_IN_PROGRESS) {
        for (uint32_t set = 0; set < info.contributor_sets; ++set)
            sets.append(contributor_set(op.raw(), set));
        runs = contributor_runs(op.raw(), info.contributor_runs);
        gone = members(info.gone_members, [&](uint32_t index, whim_member* member) {
            return whim_op_get_gone(op.raw(), index, member);
        });
    }
    return py::dict("result"_a = info.result, "round"_a = info.round, "tag"_a = info.tag,
                    "epoch"_a = info.epoch, "excluded_self"_a = info.excluded_self != 0,
                    "contributor_sets"_a = sets, "contributor_runs"_a = runs, "gone"_a = gone,
                    "birth_members"_a = info.birth_members,
                    "elapsed_s"_a = static_cast<double>(info.elapsed_ns) * 1e-9,
                    "bytes_sent"_a = info.bytes_sent, "bytes_received"_a = info.bytes_received,
                    "chunks"_a = info.chunks, "chunks_final"_a = info.chunks_final,
                    "chunks_resent"_a = info.chunks_resent, "chunks_refolded"_a = info.chunks_refolded,
                    "chunks_adopted"_a = info.chunks_adopted, "partial_from_gone"_a = info.partial_from_gone,
                    "plan"_a = info.plan ? py::cast(info.plan) : py::object(py::none()));
}

py::dict round_info(const Op& op) {
    whim_round_info info = WHIM_ROUND_INFO_INIT;
    check(whim_round_get_info(op.raw(), &info));
    const auto list = [&](uint32_t which, uint32_t count) {
        return members(count, [&](uint32_t index, whim_member* member) {
            return whim_round_get_member(op.raw(), which, index, member);
        });
    };
    return py::dict(
        "round"_a = info.round, "epoch"_a = info.epoch, "rank"_a = info.rank, "committed"_a = info.committed,
        "heal_self"_a = info.heal_self != 0, "healing_any"_a = info.healing_any != 0,
        "donor_rank"_a =
            info.donor_rank == WHIM_RANK_NONE ? py::object(py::none()) : py::int_(info.donor_rank),
        "participants"_a = list(WHIM_ROUND_PARTICIPANTS, info.world_size),
        "joined"_a = list(WHIM_ROUND_JOINED, info.joined), "left"_a = list(WHIM_ROUND_LEFT, info.left),
        "excluded"_a = list(WHIM_ROUND_EXCLUDED, info.excluded));
}

py::dict commit_info(const Op& op) {
    whim_commit_info info = WHIM_COMMIT_INFO_INIT;
    check(whim_commit_get_info(op.raw(), &info));
    const auto list = [&](uint32_t which, uint32_t count) {
        return members(count, [&](uint32_t index, whim_member* member) {
            return whim_commit_get_member(op.raw(), which, index, member);
        });
    };
    return py::dict("round"_a = info.round, "committed"_a = info.committed != 0, "reason"_a = info.reason,
                    "digest"_a = digest_bytes(info.digest),
                    "contributors"_a = list(WHIM_COMMIT_CONTRIBUTORS, info.contributors),
                    "diverged"_a = list(WHIM_COMMIT_DIVERGED, info.diverged));
}

py::dict record_info(const Op& op) {
    whim_record_info info = WHIM_RECORD_INFO_INIT;
    check(whim_record_get_info(op.raw(), &info));
    py::list votes;
    for (uint32_t index = 0; index < info.votes; ++index) {
        whim_record_vote vote = WHIM_RECORD_VOTE_INIT;
        check(whim_record_get_vote(op.raw(), index, &vote));
        votes.append(py::dict("id"_a = vote.id, "incarnation"_a = vote.incarnation,
                              "samples"_a = vote.samples,
                              "data"_a = py::bytes(static_cast<const char*>(vote.bytes), vote.bytes_len)));
    }
    return py::dict("round"_a = info.round, "epoch"_a = info.epoch, "participants"_a = info.participants,
                    "digest"_a = digest_bytes(info.digest), "votes"_a = votes);
}

}  // namespace whim_python
