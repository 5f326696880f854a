// Goal: links of one host that fill its line are paced to what the line carries, in equal parts; a path of
// its own bounds one link alone; short paths are not paced. Method: endpoints over an in-memory network whose
// drivers tell the samples of a modelled line.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "test_peer.h"

namespace whim::testing {
namespace {

constexpr Duration kStep = milliseconds(5);
constexpr size_t kFrame = 500;  // bytes of payload

// What several strands send through: it carries `rate`, the rest waits in one queue.
class Line {
public:
    Line(uint64_t rate, Duration rtt, Duration longest = milliseconds(200))
        : rate_(static_cast<double>(rate)), rtt_(rtt), longest_(longest) {}

    std::optional<PathSample> sample(StrandHandle strand) {
        Flow& flow = flows_[strand];
        PathSample sample;
        sample.rtt_min = rtt_;
        sample.rtt_smoothed = rtt_ + Duration{static_cast<int64_t>(1e9 * queue_ / rate_)};
        sample.bytes_acked = static_cast<uint64_t>(flow.acked);
        return sample;
    }
    // Those that write frames send at their pace, or faster than the line when they have none.
    void step(const MemoryNet::Node& node) {
        std::map<StrandHandle, double> wants;
        double all = 1;  // bytes per second: not nothing
        for (auto& [strand, flow] : flows_) {
            const auto count = node.written.find(strand);
            const uint64_t written = count == node.written.end() ? 0 : count->second;
            if (written - std::exchange(flow.written, written) >= kFrame) flow.sends = 10;
            if (flow.sends == 0 || flow.sends-- == 0) continue;
            const auto pace = node.paces.find(strand);
            const bool bound = pace != node.paces.end() && pace->second > 0;
            const double free = 4 * rate_ / static_cast<double>(flows_.size());
            all += wants[strand] = bound ? static_cast<double>(pace->second) : free;
        }
        const double time = kStep.seconds(), carried = std::min(all * time + queue_, rate_ * time);
        queue_ = std::min(queue_ + all * time - carried, rate_ * longest_.seconds());
        for (const auto& [strand, want] : wants) flows_[strand].acked += carried * want / all;
    }
    Duration queue() const { return Duration{static_cast<int64_t>(1e9 * queue_ / rate_)}; }

private:
    struct Flow {
        double acked = 0;
        uint64_t written = 0;
        int sends = 0;  // for so many steps
    };
    const double rate_;
    const Duration rtt_, longest_;  // the latter: of its queue
    double queue_ = 0;              // bytes
    std::map<StrandHandle, Flow> flows_;
};

class PathPace : public ::testing::Test {
protected:
    // Bulk goes from `a` to each of `to` for so long; frames are small, the line is a model.
    void send(Duration time, const std::vector<TestPeer*>& to, const std::vector<Line*>& lines,
              size_t frame = kFrame) {
        const Duration way = net.latency;
        net.each_write_waits = true;
        for (const Instant until = net.now + time; net.now < until;) {
            for (TestPeer* peer : to) {
                for (int i = 0; i < 4; ++i) a.give(peer->key(), frame);
            }
            if (heartbeats_wait) net.latency = way + lines.front()->queue();  // in the same queue
            net.run_for(kStep);
            for (Line* line : lines) line->step(a.node);
        }
        net.latency = way;
    }
    // Both links go over that line, and their own times are known.
    void join_over(Line& line, Duration one_way) {
        net.latency = one_way;
        a.node.path = [&line](StrandHandle strand) { return line.sample(strand); };
        join(net, a, b), join(net, a, c);
        net.run_for(milliseconds(500));
    }
    bool heartbeats_wait = true;
    uint64_t pace(const TestPeer& to) { return a.endpoint.stats(to.key())->pace; }
    uint64_t rate(const TestPeer& to) { return a.endpoint.rate(to.key()); }
    uint64_t told() {  // to the driver, of the strand that may send fastest
        uint64_t most = 0;
        for (const auto& [strand, pace] : a.node.paces) most = std::max(most, pace);
        return most;
    }

    MemoryNet net{1};
    TestPeer a{net, 1}, b{net, 2}, c{net, 3};
};

constexpr uint64_t kRate = 10'000'000;

TEST_F(PathPace, LinksShareTheirHostsLine) {
    Line line(kRate, milliseconds(80));
    join_over(line, milliseconds(40));
    EXPECT_EQ(pace(b), 0u) << "nothing is known";
    EXPECT_EQ(rate(b), 0u);
    send(seconds(6), {&b, &c}, {&line});
    EXPECT_NEAR(static_cast<double>(pace(b) + pace(c)), kRate, 0.25 * kRate);
    EXPECT_EQ(pace(b), pace(c));
    EXPECT_EQ(rate(b), pace(b));
    a.endpoint.limit_rate(kRate / 4, kRate / 8, net.now);
    EXPECT_EQ(rate(b), kRate / 8);
    a.endpoint.limit_rate(kRate / 10, 0, net.now);
    EXPECT_EQ(rate(b), kRate / 10);
    a.endpoint.limit_rate(0, 0, net.now);
    EXPECT_EQ(rate(b), pace(b));
    EXPECT_EQ(told(), pace(b)) << "small frames all leave by one strand, which has its link's whole part";
    EXPECT_LT(line.queue(), milliseconds(60)) << "not as without a pace: 200 ms";
    EXPECT_NE(a.endpoint.stats(b.key())->pace_reason.find("this host's line"), std::string::npos);
    // Who has nothing more to send leaves its part to the other.
    send(seconds(3), {&b}, {&line});
    EXPECT_GT(pace(b), kRate * 6 / 10);
}

// Acknowledgements meet others' queue on the way back. It is not this host's line that is full: no bound
// comes of it for two seconds. Where heartbeats have a queue of their own, that is all there is to see.
TEST_F(PathPace, AQueueOnTheWayBackIsNotThisHosts) {
    Line line(kRate, milliseconds(80));
    join_over(line, milliseconds(40));
    heartbeats_wait = false;
    send(milliseconds(1'800), {&b, &c}, {&line});
    EXPECT_EQ(pace(b), 0u);
    EXPECT_GT(line.queue(), milliseconds(60));
    send(seconds(4), {&b, &c}, {&line});
    EXPECT_GT(pace(b), 0u);
}

// Pings go along with looks: so many are under way where a short path has a long queue.
TEST_F(PathPace, PingsAreAnsweredHoweverLongTheQueue) {
    Line line(kRate, milliseconds(10));
    join_over(line, milliseconds(5));
    net.latency = milliseconds(300);  // others'
    heartbeats_wait = false;
    send(seconds(4), {&b, &c}, {&line});
    EXPECT_GT(a.endpoint.stats(b.key())->rtt_smoothed, milliseconds(400));
}

TEST_F(PathPace, APauseEndsForTheKernelTooWhenNothingIsSent) {
    net.latency = milliseconds(40);
    Line line(kRate, milliseconds(80));
    a.node.path = [&](StrandHandle strand) { return line.sample(strand); };
    join(net, a, b), join(net, a, c);
    bool paused = false;
    for (int i = 0; i < 2000 && !paused; ++i) {  // until a pause has just begun
        const uint64_t before = pace(b);
        send(milliseconds(5), {&b, &c}, {&line});
        paused = before > 0 && pace(b) < before * 9 / 10 && line.queue() > milliseconds(10);
    }
    ASSERT_TRUE(paused);
    const uint64_t drains = pace(b);
    net.run_for(seconds(1));  // no op sends
    EXPECT_GT(pace(b), drains * 10 / 9);
    EXPECT_EQ(told(), pace(b) / 2) << "nobody knows yet which of the two strands will be used";
}

TEST_F(PathPace, AStrandThatIsNotUsedAnyMoreHasNoPart) {
    net.latency = milliseconds(40);
    net.window = 16'000;                   // so that both strands have frames
    constexpr uint64_t kThin = 1'500'000;  // a faster path keeps two
    Line line(kThin, milliseconds(80));
    a.node.path = [&](StrandHandle strand) { return line.sample(strand); };
    LinkOptions dials = dial_options(b.node), waits = wait_options(a.node);
    dials.tune_strands = waits.tune_strands = true;
    a.endpoint.open_link(b.key(), dials, net.now);
    b.endpoint.open_link(a.key(), waits, net.now);
    send(seconds(1), {&b}, {&line}, 8'000);
    ASSERT_EQ(a.endpoint.stats(b.key())->strands_used, 2u);
    for (int i = 0; i < 100 && a.endpoint.stats(b.key())->strands_used == 2; ++i)
        send(milliseconds(100), {&b}, {&line}, 8'000);
    ASSERT_EQ(a.endpoint.stats(b.key())->strands_used, 1u) << "the pace needs no more";
    send(milliseconds(200), {&b}, {&line}, 8'000);
    EXPECT_GT(pace(b), kThin / 2);
    EXPECT_EQ(told(), pace(b));
}

TEST_F(PathPace, APathOfItsOwnBoundsOneLinkAlone) {
    net.latency = milliseconds(40);
    Line thin(kRate / 10, milliseconds(80)), wide(kRate * 10, milliseconds(80));
    std::set<StrandHandle> through_thin;
    join(net, a, b);
    a.node.path = [&](StrandHandle strand) { return through_thin.insert(strand), thin.sample(strand); };
    send(milliseconds(300), {&b}, {&thin});
    a.node.path = [&](StrandHandle strand) {
        return through_thin.contains(strand) ? thin.sample(strand) : wide.sample(strand);
    };
    join(net, a, c);
    send(seconds(6), {&b, &c}, {&thin, &wide});
    EXPECT_NEAR(static_cast<double>(pace(b)), kRate / 10, 0.25 * kRate / 10);
    EXPECT_GT(pace(c) == 0 ? kRate : pace(c), kRate / 2);
    EXPECT_EQ(a.endpoint.stats(b.key())->pace_reason.rfind("this path: ", 0), 0u);
}

// Both links load the line, which is not filled as long as each has an equal part: one has a thin path.
TEST_F(PathPace, ALinkThatItsPathHoldsBackLeavesTheRestOfTheLine) {
    net.latency = milliseconds(40);
    Line line(kRate, milliseconds(80)), thin(kRate / 10, milliseconds(80));
    std::set<StrandHandle> through_thin;
    bool only_thin = true;
    a.node.path = [&](StrandHandle strand) {
        if (only_thin) through_thin.insert(strand);
        std::optional<PathSample> sample = line.sample(strand);
        if (!through_thin.contains(strand)) return sample;
        const Duration waits = sample->rtt_smoothed - sample->rtt_min;
        sample = thin.sample(strand);
        sample->rtt_smoothed = sample->rtt_smoothed + waits;
        return sample;
    };
    join(net, a, b);
    send(milliseconds(300), {&b}, {&line, &thin});
    only_thin = false;
    join(net, a, c);
    send(seconds(15), {&b, &c}, {&line, &thin});
    EXPECT_NEAR(static_cast<double>(pace(b)), kRate / 10, 0.25 * kRate / 10);
    EXPECT_GT(pace(c), kRate * 7 / 10) << a.endpoint.stats(c.key())->pace_reason;
    EXPECT_LT(pace(c), kRate * 12 / 10);
}

// As the system's own count may, while something is missing. Each look is a whole round trip here, so that
// nothing is added to what one of them brings.
TEST_F(PathPace, ACountThatGoesBackIsNoRate) {
    net.latency = milliseconds(4);
    Line line(kRate, milliseconds(8), milliseconds(30));
    std::optional<Instant> since;  // the first queue: what the bound is taken from
    uint64_t stands_at = 0;
    a.node.path = [&](StrandHandle strand) {
        std::optional<PathSample> sample = line.sample(strand);
        if (!since && line.queue() > milliseconds(10)) since = net.now, stands_at = sample->bytes_acked;
        else if (since && net.now - *since < milliseconds(15)) sample->bytes_acked = stands_at - 1'000;
        return sample;
    };
    join(net, a, b);
    send(seconds(3), {&b}, {&line});
    ASSERT_TRUE(since);
    EXPECT_NEAR(static_cast<double>(pace(b)), kRate, 0.25 * kRate);
}

TEST_F(PathPace, AShortPathIsNotPaced) {
    Line line(kRate, microseconds(200));
    a.node.path = [&](StrandHandle strand) { return line.sample(strand); };
    join(net, a, b);
    send(seconds(2), {&b}, {&line});
    EXPECT_GT(line.queue(), milliseconds(100));
    EXPECT_EQ(pace(b), 0u);
    EXPECT_EQ(told(), 0u);
}

// A path that has no queue, whose bytes the test lets arrive as it says: first faster than it carries, until
// a pace is found; then as slowly as told.
class GuideByPace : public PathPace {
protected:
    static constexpr Duration kRtt = milliseconds(80);

    void SetUp() override {
        net.latency = kRtt / 2;
        net.window = 2'000;  // so that frames always wait
        a.node.path = [&](StrandHandle strand) { return line.sample(strand); };
        join(net, a, b);
        net.run_for(milliseconds(500));
        for (int i = 0; i < 60 && pace(b) == 0; ++i) send(milliseconds(100), {&b}, {&line}, 8'000);
        ASSERT_GT(pace(b), 0u);
        send(seconds(1), {&b}, {&line}, 8'000);
        for (const auto& [strand, pace] : a.node.paces) totals[strand] = *line.sample(strand);
        ASSERT_EQ(totals.size(), 2u);
        a.node.path = [&](StrandHandle strand) -> std::optional<PathSample> {
            const auto found = totals.find(strand);
            return found == totals.end() ? std::nullopt : std::optional(found->second);
        };
    }
    // For so long each strand delivers a part of the pace, and sends a part of that again.
    void deliver(Duration time, double of_pace, double again, Duration queue = {}, bool waiting = true) {
        for (const Instant until = net.now + time; net.now < until;) {
            if (waiting)
                for (int i = 0; i < 4; ++i) a.give(b.key(), 8'000);
            else a.give(b.key(), 100);
            net.run_for(kStep);
            const double bytes = static_cast<double>(pace(b)) * kStep.seconds() * of_pace / 2;
            for (auto& [strand, total] : totals) {
                total.rtt_min = kRtt;
                total.rtt_smoothed = kRtt + queue;
                total.bytes_acked += static_cast<uint64_t>(bytes);
                total.bytes_retransmitted += static_cast<uint64_t>(bytes * again);
            }
        }
    }
    // The strands whose windows open as fast as new ones.
    size_t by_rate() const {
        size_t count = 0;
        for (const auto& [strand, by] : a.node.guided) count += by == Congestion::by_rate;
        return count;
    }
    Line line{kRate, kRtt};
    std::map<StrandHandle, PathSample> totals;
};

TEST_F(GuideByPace, ByRateBelowItWhereNoQueueStandsUntilItIsReached) {
    deliver(seconds(1), 0.5, 0);
    EXPECT_EQ(by_rate(), 2u) << "both bulk strands, not the control strand";
    deliver(seconds(1), 1.0, 0);
    EXPECT_EQ(by_rate(), 0u);
}

TEST_F(GuideByPace, NotOfOneThatHasItsPace) {
    deliver(seconds(1), 1.0, 0);
    EXPECT_EQ(by_rate(), 0u);
}

TEST_F(GuideByPace, NotWhereAQueueStands) {
    deliver(seconds(1), 0.5, 0, milliseconds(40));
    EXPECT_EQ(by_rate(), 0u);
}

TEST_F(GuideByPace, AlsoWhereAQueueStandsThatFullWindowsBelowItCannotHaveMade) {
    for (auto& [strand, total] : totals) total.window_full = true;
    deliver(seconds(1), 0.5, 0, milliseconds(40));
    EXPECT_EQ(by_rate(), 2u);
    deliver(seconds(1), 1.0, 0, milliseconds(40));
    EXPECT_EQ(by_rate(), 0u);
}

TEST_F(GuideByPace, NotWhenNothingWaits) {
    net.window = 1u << 20;
    net.run_for(seconds(2));  // what waited leaves
    deliver(seconds(1), 0.5, 0, {}, false);
    EXPECT_EQ(by_rate(), 0u);
}

TEST_F(GuideByPace, NotOfAPathThatDropsWhatIsTooMuch) {
    deliver(seconds(1), 0.5, 0.03);
    EXPECT_EQ(by_rate(), 0u);
    deliver(seconds(1), 0.5, 0.01);
    EXPECT_GT(by_rate(), 0u);
}

TEST_F(GuideByPace, TheOthersHaveTheLostStrandsPartAtOnce) {
    deliver(milliseconds(200), 1.0, 0);
    const uint64_t rate = pace(b);
    const StrandHandle kept = totals.rbegin()->first;
    EXPECT_NEAR(static_cast<double>(a.node.paces[kept]), static_cast<double>(rate) / 2,
                0.1 * static_cast<double>(rate));
    net.reset_one(1);  // the first bulk strand
    const Instant lost = net.now;
    while (a.endpoint.stats(b.key())->strands_lost == 0 && net.now < lost + seconds(1))
        net.run_for(milliseconds(1));
    ASSERT_EQ(a.endpoint.stats(b.key())->strands_lost, 1u);
    EXPECT_EQ(a.node.paces[kept], pace(b));
    EXPECT_EQ(pace(b), rate) << "no look at the path was needed";
}

// Paths without a queue, of which no pace is known yet; their windows are full, as in a slow start.
class GuideBeforeAPace : public PathPace {
protected:
    void SetUp() override {
        net.latency = milliseconds(40);
        net.window = 2'000;  // so that frames always wait
        a.node.path = [&](StrandHandle strand) {
            PathSample& total = totals[strand];
            total.rtt_min = milliseconds(80);
            total.rtt_smoothed = total.rtt_min + queue;
            total.window_full = true;
            return total;
        };
        join(net, a, b);
        net.run_for(milliseconds(500));
        for (const auto& [strand, total] : totals) to_b.insert(strand);
        join(net, a, c);
        net.run_for(milliseconds(500));
    }
    // For so long, so many bytes a step on each strand, and no pace is found.
    void deliver(Duration time, uint64_t each_to_b, uint64_t each_to_c) {
        for (const Instant until = net.now + time; net.now < until;) {
            for (TestPeer* peer : {&b, &c})
                for (int i = 0; i < 4; ++i) a.give(peer->key(), 8'000);
            net.run_for(kStep);
            for (auto& [strand, total] : totals)
                total.bytes_acked += to_b.contains(strand) ? each_to_b : each_to_c;
        }
        ASSERT_EQ(pace(b) + pace(c), 0u);
    }
    std::set<StrandHandle> by_rate() const {
        std::set<StrandHandle> all;
        for (const auto& [strand, by] : a.node.guided)
            if (by == Congestion::by_rate) all.insert(strand);
        return all;
    }
    Duration queue{};
    std::set<StrandHandle> to_b;
    std::map<StrandHandle, PathSample> totals;
};

TEST_F(GuideBeforeAPace, AWindowThatALossWithoutAQueueHalvedOpensUntilAQueueStands) {
    deliver(seconds(1), 20'000, 20'000);
    EXPECT_TRUE(by_rate().empty()) << "a slow start opens windows by itself";
    const StrandHandle one = *to_b.rbegin();
    totals[one].bytes_retransmitted += 1'448;
    deliver(milliseconds(200), 20'000, 20'000);
    EXPECT_EQ(by_rate(), std::set{one});
    queue = milliseconds(12);
    deliver(milliseconds(100), 20'000, 20'000);
    EXPECT_TRUE(by_rate().empty());
}

TEST_F(GuideBeforeAPace, NotOfAPathThatDropsWhatIsTooMuch) {
    deliver(seconds(1), 20'000, 20'000);
    totals[*to_b.rbegin()].bytes_retransmitted += 200'000;
    deliver(milliseconds(60), 20'000, 20'000);
    EXPECT_TRUE(by_rate().empty());
}

TEST_F(GuideBeforeAPace, OneLossOfASmallWindowIsChance) {
    deliver(seconds(1), 3'000, 3'000);
    const StrandHandle one = *to_b.rbegin();
    totals[one].bytes_retransmitted += 1'448;
    deliver(milliseconds(200), 3'000, 3'000);
    EXPECT_EQ(by_rate(), std::set{one});
}

TEST_F(GuideBeforeAPace, WhatBringsMuchLessThanTheOtherLinksOpensItsWindow) {
    deliver(seconds(1), 20'000, 8'000);
    ASSERT_EQ(by_rate().size(), 2u) << "both bulk strands of the link to c";
    for (const StrandHandle strand : by_rate()) EXPECT_FALSE(to_b.contains(strand));
    deliver(milliseconds(200), 20'000, 18'000);
    EXPECT_EQ(by_rate().size(), 2u) << "nothing tells that they are large enough";
    queue = milliseconds(12);
    deliver(milliseconds(100), 20'000, 18'000);
    EXPECT_TRUE(by_rate().empty());
}

}  // namespace
}  // namespace whim::testing
