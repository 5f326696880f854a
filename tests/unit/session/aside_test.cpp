// A bulk strand takes the place of a control strand that is lost: see transport/session/aside.cpp.
#include "test_peer.h"

namespace whim::testing {
namespace {

using Events = std::vector<std::string>;

// Nobody waits for the dial: not even where it never succeeds.
TEST(Aside, ABulkStrandCarriesControlWhileItsStrandIsAway) {
    MemoryNet net(16);
    net.latency = milliseconds(10);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b, 2);
    net.run_for(seconds(1));
    b.node.listening = false;
    for (int i = 0; i < 5; ++i) {
        a.say(b.key());
        b.say(a.key());
    }
    net.reset_one(0);  // with some of them under way
    for (int i = 0; i < 5; ++i) {
        a.say(b.key());
        b.say(a.key());
    }
    net.run_for(milliseconds(40));  // what came is told, the rest follows
    EXPECT_EQ(a.heard, counted(10));
    EXPECT_EQ(b.heard, counted(10));
    net.reset_one(0);  // of the bulk strands the one that carries it
    a.say(b.key());
    b.say(a.key());
    net.run_for(milliseconds(40));
    EXPECT_EQ(a.heard, counted(11));
    EXPECT_EQ(b.heard, counted(11));
    EXPECT_LE(net.now - a.endpoint.stats(b.key())->last_heard, limits::kHeartbeatInterval);
    b.node.listening = true;
    net.run_for(seconds(3));
    a.say(b.key());
    b.say(a.key());
    net.run_for(milliseconds(20));
    EXPECT_EQ(a.heard, counted(12));
    EXPECT_EQ(b.heard, counted(12));
    EXPECT_EQ(a.events, Events{"up fresh"});
    EXPECT_EQ(b.events, Events{"up fresh"});
    EXPECT_EQ(net.live(), 3u);
}

}  // namespace
}  // namespace whim::testing
