// Goal: processes of one machine meet through shared memory, and lose nothing of what TCP promises: order,
// the news of a death, TCP itself where the other side does not answer; strangers with odd memory harm
// nobody. Method: endpoints over the driver, rings by hand, and raw local sockets.
#include "net_peer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/prng.h"
#include "transport/asio/identity_file.h"
#include "transport/asio/shared_ring.h"
#include "transport/session/tls_channel.h"

namespace whim::testing {
namespace {

size_t shared_mappings() {
    size_t count = 0;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        count += line.find("memfd:whimbrel") != std::string::npos;
    return count;
}

LinkOptions link_to(const Address& address) {
    LinkOptions options;
    options.addresses = {address};
    options.local_instance = {1};
    return options;
}

LinkOptions waiting() {
    LinkOptions options;
    options.dial = false;
    options.local_instance = {1};
    return options;
}

// Two peers of which the first dials; each with or without the path.
struct Pair {
    Pair(bool first, bool second, const std::string& host = "127.0.0.1")
        : a(std::make_unique<NetPeer>(id(1), nullptr)), b(std::make_unique<NetPeer>(id(2), nullptr)) {
        if (first) a->allow_same_host();
        if (second) b->allow_same_host();
        at = *b->listen({host, 0});
        b->accept = waiting();
        a->run();
        b->run();
    }
    static PeerId id(unsigned char first_byte) {
        PeerId made;
        made.bytes[0] = first_byte;
        return made;
    }
    bool connect(const std::string& host = "127.0.0.1") {
        a->call([&](Endpoint& e) { e.open_link(b->key(), link_to({host, at.port}), AsioDriver::now()); });
        return a->wait([&] { return !a->events.empty() && a->events.back() == "up fresh"; });
    }
    bool carries(size_t bytes) {
        if (!a->wait([&] { return a->pinned == 0; })) return false;
        a->call([&](Endpoint&) { a->data = noise(bytes); });
        b->call([&](Endpoint&) { b->got.assign(bytes, std::byte{0}), b->frames.clear(); });
        const size_t frames = (bytes + (256 << 10) - 1) / (256 << 10);
        a->give(b->key(), 256 << 10);
        return b->wait([&] { return b->frames.size() == frames; }) && b->got == a->data;
    }
    std::unique_ptr<NetPeer> a, b;
    Address at;
};

TEST(SameHost, BulkAndMessagesThroughSharedMemory) {
    Pair pair(true, true);
    ASSERT_TRUE(pair.connect());
    EXPECT_TRUE(pair.a->wait([] { return shared_mappings() == 4; }));  // control and bulk, at both ends
    EXPECT_TRUE(pair.carries(64 << 20));
    EXPECT_TRUE(pair.carries(1000));
    for (int i = 0; i < 100; ++i) {
        const std::string text = std::to_string(i);
        const auto bytes = std::as_bytes(std::span(text));
        pair.a->call([&](Endpoint& e) {
            return e.send_message(pair.b->key(), Bytes(bytes.begin(), bytes.end()), AsioDriver::now());
        });
    }
    ASSERT_TRUE(pair.b->wait([&] { return pair.b->heard.size() == 100; }));
    for (size_t i = 0; i < 100; ++i) EXPECT_EQ(pair.b->heard[i], std::to_string(i));
}

TEST(SameHost, TlsProvesWhoIsThere) {
    const Identity first = generate_identity(), second = generate_identity();
    const auto channels_a = std::move(TlsChannelFactory::create(first).value());
    const auto channels_b = std::move(TlsChannelFactory::create(second).value());
    NetPeer a(first.id(), channels_a.get()), b(second.id(), channels_b.get());
    a.allow_same_host(), b.allow_same_host();
    const Address at = *b.listen({"127.0.0.1", 0});
    b.accept = waiting();
    b.got.resize(16 << 20);
    a.run(), b.run();
    LinkOptions options = link_to(at);
    options.expected = first.id();  // not the one that listens
    a.call([&](Endpoint& e) { e.open_link(b.key(), options, AsioDriver::now()); });
    ASSERT_TRUE(a.wait([&] { return !a.events.empty(); }));
    EXPECT_EQ(a.events.front(), "down identity");
    options.expected = second.id();
    a.call([&](Endpoint& e) {
        e.close_link(b.key(), AsioDriver::now());
        e.open_link(b.key(), options, AsioDriver::now());
    });
    ASSERT_TRUE(a.wait([&] { return a.events.back() == "up fresh"; }));
    EXPECT_TRUE(a.wait([] { return shared_mappings() == 4; }));
    a.data = noise(16 << 20);
    a.give(b.key(), 256 << 10);
    ASSERT_TRUE(b.wait([&] { return b.frames.size() == 64; }));
    EXPECT_EQ(b.got, a.data);
}

TEST(SameHost, AllInterfacesAreFoundByEveryAddressOfThisMachine) {
    Pair pair(true, true, "");
    ASSERT_TRUE(pair.connect("127.0.0.2"));
    EXPECT_TRUE(pair.a->wait([] { return shared_mappings() == 4; }));
}

TEST(SameHost, TcpWhereOneSideDoesNotWantIt) {
    for (const bool first : {true, false}) {
        Pair pair(first, !first);
        ASSERT_TRUE(pair.connect());
        EXPECT_EQ(shared_mappings(), 0u);
        EXPECT_TRUE(pair.carries(1 << 20));
    }
}

TEST(SameHost, TheEndOfTheOtherSideIsNews) {
    Pair pair(true, true);
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.carries(8 << 20));
    pair.b.reset();
    EXPECT_TRUE(pair.a->wait([&] { return pair.a->events.back() == "down refused"; }));
}

// A name whose owner takes connections and says nothing: a stopped process looks like that.
TEST(SameHost, SilenceBehindTheNameLeadsToTcp) {
    Pair pair(true, false);
    const std::string name = std::string(1, '\0') + "whimbrel/127.0.0.1:" + std::to_string(pair.at.port);
    const int squatter = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(bind(squatter, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(squatter, 8), 0);
    ASSERT_TRUE(pair.connect());
    EXPECT_TRUE(pair.carries(1 << 20));
    EXPECT_TRUE(pair.a->wait([] { return shared_mappings() == 0; }));
    close(squatter);
}

int guest_of(const Address& at) {
    const std::string name = std::string(1, '\0') + "whimbrel/" + to_string(at);
    const int guest = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(connect(guest, reinterpret_cast<sockaddr*>(&address), size), 0);
    return guest;
}

void send_byte(int socket, std::optional<int> descriptor, size_t times = 1) {
    char byte = 0;
    iovec content{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> space{};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    if (descriptor) {
        message.msg_control = space.data();
        message.msg_controllen = CMSG_SPACE(times * sizeof(int));
        cmsghdr* const head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(times * sizeof(int));
        for (size_t i = 0; i < times; ++i)
            std::memcpy(CMSG_DATA(head) + i * sizeof(int), &*descriptor, sizeof(int));
    }
    EXPECT_EQ(sendmsg(socket, &message, 0), 1);
}

int memory_of(size_t bytes, int seals) {
    const int descriptor = memfd_create("odd", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    EXPECT_EQ(ftruncate(descriptor, static_cast<off_t>(bytes)), 0);
    EXPECT_EQ(fcntl(descriptor, F_ADD_SEALS, seals), 0);
    return descriptor;
}

// What memory may shrink, or is too small, would kill whoever maps it.
TEST(SameHost, GuestsWithoutFitMemoryAreShownOut) {
    Pair pair(true, true);
    constexpr int kFirm = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    const std::array<std::optional<int>, 5> offers = {
        std::nullopt, open("/dev/null", O_RDWR | O_CLOEXEC), memory_of(2 * sizeof(RingMemory), F_SEAL_GROW),
        memory_of(4096, kFirm), memory_of(4 * sizeof(RingMemory), kFirm)};
    for (const auto& offer : offers) {
        const int guest = guest_of(pair.at);
        send_byte(guest, offer);
        char consent = 0;
        EXPECT_EQ(recv(guest, &consent, 1, 0), 0);  // closed without a word
        close(guest);
        if (offer) close(*offer);
    }
    const int mute = guest_of(pair.at);
    char consent = 0;
    EXPECT_EQ(recv(mute, &consent, 1, 0), 0);  // had its time
    close(mute);
    ASSERT_TRUE(pair.connect());
    EXPECT_TRUE(pair.a->wait([] { return shared_mappings() == 4; }));
}

// The room for one has room for two, by how it is aligned.
TEST(SameHost, DescriptorsThatNobodyAskedForAreClosed) {
    Pair pair(true, true);
    const auto open_ones = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    };
    const int memory = memory_of(2 * sizeof(RingMemory), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    const auto before = open_ones();
    for (int i = 0; i < 20; ++i) {
        const int guest = guest_of(pair.at);
        send_byte(guest, memory, 2);
        char consent = 0;
        EXPECT_EQ(recv(guest, &consent, 1, 0), 0);
        close(guest);
    }
    EXPECT_EQ(open_ones(), before);
    close(memory);
}

TEST(SameHost, AGuestWhoBreaksTheRingLosesItsStrandOnly) {
    Pair pair(true, true);
    const int memory = memory_of(2 * sizeof(RingMemory), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    void* const at = mmap(nullptr, 2 * sizeof(RingMemory), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    ASSERT_NE(at, MAP_FAILED);
    const int guest = guest_of(pair.at);
    send_byte(guest, memory);
    char byte = 0;
    ASSERT_EQ(recv(guest, &byte, 1, 0), 1);
    static_cast<RingMemory*>(at)->written.store(RingMemory::kBytes + 1);
    ASSERT_EQ(send(guest, &byte, 1, 0), 1);
    EXPECT_LE(recv(guest, &byte, 1, 0), 0);  // closed; an error where it was before that byte was read
    close(guest), close(memory);
    munmap(at, 2 * sizeof(RingMemory));
    ASSERT_TRUE(pair.connect());
}

class Ring : public ::testing::Test {
protected:
    const std::unique_ptr<RingMemory> memory_ = std::make_unique<RingMemory>();
    RingReader reader_{*memory_};
    RingWriter writer_{*memory_};
};

TEST_F(Ring, AnyPiecesComeOutInOrder) {
    const Bytes data = noise(5 * RingMemory::kBytes);
    Bytes got(data.size());
    Prng prng(7);
    size_t in = 0, out = 0;
    while (out < data.size()) {
        const size_t give = std::min<size_t>(prng.below(RingMemory::kBytes), data.size() - in);
        in += writer_.write(ByteSpan(data).subspan(in, give))->bytes;
        const size_t take = std::min<size_t>(prng.below(RingMemory::kBytes), data.size() - out);
        out += reader_.read(MutableByteSpan(got).subspan(out, take))->bytes;
        ASSERT_LE(in - out, RingMemory::kBytes);
    }
    EXPECT_EQ(got, data);
}

TEST_F(Ring, ASleeperIsWokenOnceAndNotBeforeItIsWorthIt) {
    const Bytes data = noise(RingMemory::kBytes);
    ASSERT_TRUE(reader_.sleep_until(1000));
    EXPECT_FALSE(writer_.write(ByteSpan(data).first(999))->wake);
    EXPECT_TRUE(writer_.write(ByteSpan(data).first(1))->wake);
    EXPECT_FALSE(writer_.write(ByteSpan(data).first(1))->wake);
    EXPECT_FALSE(reader_.sleep_until(1001));  // there already
    EXPECT_TRUE(reader_.sleep_until(RingMemory::kBytes));
    EXPECT_TRUE(writer_.write(data)->wake);  // full: it could never be worth more
    EXPECT_EQ(writer_.write(data)->bytes, 0u);
    ASSERT_TRUE(writer_.sleep_until_half_free());
    Bytes into(RingMemory::kBytes);
    EXPECT_FALSE(reader_.read(MutableByteSpan(into).first(RingMemory::kBytes / 2 - 1))->wake);
    EXPECT_TRUE(reader_.read(MutableByteSpan(into).first(1))->wake);
    EXPECT_FALSE(writer_.sleep_until_half_free());
}

TEST_F(Ring, CountsThatCannotBeEndIt) {
    memory_->written.store(RingMemory::kBytes + 1);
    Bytes into(16);
    EXPECT_FALSE(reader_.read(into));
    memory_->read.store(1);  // more than was written
    EXPECT_FALSE(writer_.write(into));
}

}  // namespace
}  // namespace whim::testing
