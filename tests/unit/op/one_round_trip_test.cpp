// Goal: what fits in one chunk, as the values of agree do, is settled one round trip after the last member
// called it, whoever that was. Method: FewOps in ticks: what is sent in one tick is there in the next, and
// jobs take no time. A round trip is two.
#include <gtest/gtest.h>

#include "collectives/plan/direct.h"
#include "tests/unit/op/few_ops.h"

namespace whim::op {
namespace {

void run_jobs(FewOps& ops) {
    for (bool ran = true; ran;) {
        ran = false;
        for (const auto& p : ops.peers) {
            for (const Job& job : std::exchange(p->jobs, {})) {
                run_job(job);
                p->op->job_done(job.id, {});
                ran = true;
            }
        }
    }
}

void deliver(FewOps& ops, const std::vector<FewOps::Message>& messages,
             const std::vector<FewOps::Frame>& frames) {
    for (const FewOps::Message& m : messages) ops[m.to].op->on_message({m.from}, m.what, {});
    for (const FewOps::Frame& f : frames) ops.deliver(f);
}

uint32_t ticks_until_all_ended(FewOps& ops) {
    for (uint32_t tick = 0; tick < 100; ++tick) {
        run_jobs(ops);
        const auto running = [](const auto& p) { return p->ended_with != Code::OK; };
        if (std::none_of(ops.peers.begin(), ops.peers.end(), running)) return tick;
        deliver(ops, std::exchange(ops.messages, {}), std::exchange(ops.frames, {}));
    }
    return UINT32_MAX;
}

FewOps::Setup agree_of(uint32_t peers, uint64_t values, bool in_place) {
    return {.peers = peers,
            .elements = values,
            .chunk_elements = choose_chunk_elements(values, sizeof(int64_t), peers, 256u << 10),
            .reduce = Reduce::sum,  // uniform, as every agree
            .in_place = in_place};
}

TEST(OneRoundTrip, AfterTheLastMemberCalls) {
    for (const uint32_t peers : {2u, 3u, 5u, 16u}) {
        for (uint32_t last = 0; last < peers; ++last) {
            for (const uint64_t values : {1u, 512u}) {
                FewOps ops(agree_of(peers, values, last % 2 == 0));
                for (uint32_t r = 0; r < peers; ++r) {
                    if (r != last) ops.post(r);
                }
                ops.settle();
                const auto early = std::exchange(ops.messages, {});  // at the last one already
                const auto frames = std::exchange(ops.frames, {});
                ops.post(last);
                deliver(ops, early, frames);
                const uint32_t ticks = ticks_until_all_ended(ops);
                // The root, the last rank, has all the others' values by then.
                EXPECT_EQ(ticks, last == peers - 1 ? 1u : 2u) << peers << " peers, the last is " << last;
            }
        }
    }
}

TEST(OneRoundTrip, WhenAllCallAtOnce) {
    for (const uint32_t peers : {2u, 3u, 5u, 16u}) {
        FewOps ops(agree_of(peers, 7, true));
        for (uint32_t r = 0; r < peers; ++r) ops.post(r);
        EXPECT_EQ(ticks_until_all_ended(ops), 2u) << peers << " peers";
    }
}

}  // namespace
}  // namespace whim::op
