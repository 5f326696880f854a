// Goal: a bulk strand whose path has died without a word is given up and dialled anew, while the link stays
// up. Method: a proxy that stops taking bytes from one of its connections; the kernel needs
// limits::kStrandSilenceMax to notice, so this test is slow.
#include "net_peer.h"
#include "proxy.h"

#include "base/limits.h"

namespace whim::testing {
namespace {

TEST(Silence, OfABulkStrandEndsThatStrandOnly) {
    PeerId one, two;
    one.bytes[0] = 1, two.bytes[0] = 2;
    NetPeer a(one, nullptr), b(two, nullptr);
    const Address at = *b.listen({"127.0.0.1", 0});
    Proxy proxy(at);
    LinkOptions options;
    options.local_instance = {1};
    options.dial = false;
    b.accept = options;
    options.dial = true;
    options.addresses = {proxy.address()};
    a.data = noise(64 << 20);
    b.got.resize(a.data.size());
    a.run();
    b.run();
    a.call([&](Endpoint& e) { e.open_link(b.key(), options, AsioDriver::now()); });
    a.give(b.key(), 256 << 10);
    ASSERT_TRUE(b.wait([&] { return b.frames.size() > 10; }));
    proxy.stall(1);  // the control strand is dialled first
    ASSERT_TRUE(b.wait([&] { return b.frames.size() == 256; }, 90));
    EXPECT_EQ(b.got, a.data);
    EXPECT_EQ(a.events, std::vector<std::string>{"up fresh"});
    const auto stats = a.call([&](Endpoint& e) { return *e.stats(b.key()); });
    EXPECT_EQ(stats.strands_lost, 1u);
    EXPECT_GT(stats.bulk_frames_resent, 0u);
}

}  // namespace
}  // namespace whim::testing
