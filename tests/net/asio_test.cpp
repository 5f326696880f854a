// Two endpoints over loopback sockets, without channel and with TLS: delivery, lost strands, addresses,
// refusals.
#include "black_hole.h"
#include "net_peer.h"
#include "proxy.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <array>
#include <csignal>
#include <filesystem>
#include <latch>

#include <fmt/format.h>

#include "base/limits.h"
#include "transport/asio/dialer.h"
#include "transport/asio/identity_file.h"
#include "transport/session/tls_channel.h"

namespace whim::testing {
namespace {

using asio::ip::tcp;

struct Process {
    explicit Process(bool tls) : identity(generate_identity()) {
        if (tls) channels = std::move(TlsChannelFactory::create(identity).value());
        peer = std::make_unique<NetPeer>(identity.id(), channels.get());
    }
    Identity identity;
    std::unique_ptr<TlsChannelFactory> channels;
    std::unique_ptr<NetPeer> peer;
};

LinkOptions options_to(const Address& address, uint32_t bulk_strands) {
    LinkOptions options;
    options.addresses = {address};
    options.bulk_strands = bulk_strands;
    options.local_instance = {1};
    return options;
}

LinkOptions waiting(uint32_t bulk_strands) {
    LinkOptions options;
    options.dial = false;
    options.bulk_strands = bulk_strands;
    options.local_instance = {1};
    return options;
}

class Net : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Security, Net, ::testing::Bool(), [](const auto& tls) {
    return tls.param ? std::string("Tls") : std::string("None");
});

TEST_P(Net, CarriesMessagesAnd64MiBOfBulk) {
    Process a(GetParam()), b(GetParam());
    const Address at = *b.peer->listen({"127.0.0.1", 0});
    EXPECT_NE(at.port, 0);
    b.peer->accept = waiting(1);
    a.peer->data = noise(64 << 20);
    b.peer->got.resize(a.peer->data.size());
    a.peer->run();
    b.peer->run();
    LinkOptions options = options_to(at, 1);
    options.expected = b.identity.id();
    a.peer->call([&](Endpoint& e) { e.open_link(b.peer->key(), options, AsioDriver::now()); });
    ASSERT_TRUE(a.peer->wait([&] { return a.peer->events.size() == 1; }));
    const Instant start = AsioDriver::now();
    a.peer->give(b.peer->key(), 256 << 10);
    for (int i = 0; i < 100; ++i) {
        const std::string text = std::to_string(i);
        a.peer->call([&](Endpoint& e) {
            const auto bytes = std::as_bytes(std::span(text));
            return e.send_message(b.peer->key(), Bytes(bytes.begin(), bytes.end()), AsioDriver::now());
        });
    }
    ASSERT_TRUE(
        b.peer->wait([&] { return b.peer->frames.size() == 256 && b.peer->heard.size() == 100; }, 60));
    const double seconds = (AsioDriver::now() - start).seconds();
    std::printf("64 MiB, 1 bulk strand, 256 KiB frames: %.0f MB/s\n", 67.1 / seconds);
    EXPECT_EQ(b.peer->got, a.peer->data);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(b.peer->heard[static_cast<size_t>(i)], std::to_string(i));
    EXPECT_TRUE(a.peer->wait([&] { return a.peer->pinned == 0; }));
    const auto stats = a.peer->call([&](Endpoint& e) { return *e.stats(b.peer->key()); });
    EXPECT_GT(stats.rtt_min.ns, 0);
    EXPECT_LT(stats.rtt_min.ms(), 100);
    EXPECT_EQ(stats.strands_lost, 0u);
}

TEST_P(Net, SurvivesBrokenConnectionsInMidTransfer) {
    Process a(GetParam()), b(GetParam());
    const Address at = *b.peer->listen({"127.0.0.1", 0});
    Proxy proxy(at);
    b.peer->accept = waiting(3);
    a.peer->data = noise(64 << 20);
    b.peer->got.resize(a.peer->data.size());
    a.peer->run();
    b.peer->run();
    a.peer->call(
        [&](Endpoint& e) { e.open_link(b.peer->key(), options_to(proxy.address(), 3), AsioDriver::now()); });
    a.peer->give(b.peer->key(), 100'000);
    size_t breaks = 0;
    for (size_t target = 100; target < 600; target += 100) {
        ASSERT_TRUE(b.peer->wait([&] { return b.peer->frames.size() > target; }, 60));
        proxy.break_all();
        ++breaks;
    }
    ASSERT_TRUE(b.peer->wait([&] { return b.peer->frames.size() == 672; }, 60));
    EXPECT_EQ(b.peer->got, a.peer->data);
    const auto stats = a.peer->call([&](Endpoint& e) { return *e.stats(b.peer->key()); });
    EXPECT_GE(stats.strands_lost, breaks);
    EXPECT_GT(stats.bulk_frames_resent, 0u);
    EXPECT_TRUE(a.peer->wait([&] { return a.peer->pinned == 0; }));
}

TEST(NetAddress, DialsNamesAndBothFamilies) {
    for (const char* host : {"localhost", "127.0.0.1", "::1"}) {
        Process a(true), b(true);
        const Result<Address> at = b.peer->listen({"", 0});
        ASSERT_TRUE(at.ok()) << at.error().detail;
        asio::io_context probe;
        asio::error_code no_ipv6;
        tcp::acceptor(probe).open(tcp::v6(), no_ipv6);
        if (no_ipv6 && std::string(host) == "::1") continue;
        b.peer->accept = waiting(0);
        a.peer->run();
        b.peer->run();
        a.peer->call([&](Endpoint& e) {
            e.open_link(b.peer->key(), options_to({host, at->port}, 0), AsioDriver::now());
        });
        EXPECT_TRUE(a.peer->wait([&] { return a.peer->events == std::vector<std::string>{"up fresh"}; }))
            << host;
    }
}

TEST(NetAddress, SaysWhatWentWrongAndWhere) {
    asio::io_context io;
    tcp::acceptor closed(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    const uint16_t port = closed.local_endpoint().port();
    closed.close();
    Process a(false), b(false);
    a.peer->run();
    const Address nobody{"127.0.0.1", port};
    a.peer->call([&](Endpoint& e) { e.open_link(b.peer->key(), options_to(nobody, 1), AsioDriver::now()); });
    ASSERT_TRUE(a.peer->wait([&] { return !a.peer->events.empty(); }));
    EXPECT_EQ(a.peer->events[0], "down refused");
    EXPECT_EQ(a.peer->details[0], "at " + to_string(nobody) + ": connection refused (nobody listens there)");

    const Result<Address> bound = b.peer->listen({"127.0.0.1", 0});
    const Result<Address> again = a.peer->call([&](Endpoint&) { return a.peer->listen(*bound); });
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().code, Code::E_BIND);
    EXPECT_EQ(again.error().detail, "listen " + to_string(*bound) + ": address already in use");
}

TEST(NetAddress, ANameIsRefusedOnlyWhenAllItsAddressesAre) {
    asio::io_context io;
    tcp::acceptor closed(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    const tcp::endpoint nobody = closed.local_endpoint();
    closed.close();
    const tcp::endpoint no_route(asio::ip::address_v4::broadcast(), 1);
    const auto verdict = [&](std::deque<tcp::endpoint> candidates) {
        std::optional<DialError> failed;
        const auto dialer = std::make_shared<Dialer>(
            io, Address{"name", 1}, [](tcp::socket) { ADD_FAILURE() << "connected"; },
            [&](DialError error, const std::string&) { failed = error; });
        dialer->start_with(std::move(candidates));
        io.restart();
        io.run();
        return failed;
    };
    EXPECT_EQ(verdict({nobody}), DialError::refused);
    EXPECT_EQ(verdict({nobody, nobody}), DialError::refused);
    EXPECT_EQ(verdict({no_route, nobody}), DialError::unreachable);
    EXPECT_EQ(verdict({nobody, no_route, nobody}), DialError::unreachable);
}

TEST(NetAddress, ANameIsLookedUpAndDialled) {
    asio::io_context io;
    tcp::acceptor alive(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    const uint16_t port = alive.local_endpoint().port();
    std::optional<tcp::endpoint> met;
    const auto dialer = std::make_shared<Dialer>(
        io, Address{"localhost", port}, [&](tcp::socket socket) { met = socket.remote_endpoint(); },
        [](DialError, const std::string& cause) { ADD_FAILURE() << cause; });
    dialer->start();
    io.run_for(std::chrono::seconds(10));
    ASSERT_TRUE(met);
    EXPECT_EQ(met->port(), port);
}

TEST(NetAddress, ManyNamesAreLookedUpInTurns) {
    asio::io_context io;
    uint32_t answers = 0;
    std::vector<std::shared_ptr<Lookup>> lookups;
    for (uint32_t i = 0; i < 3 * limits::kLookupsMax; ++i)
        lookups.push_back(look_up(
            io, {"localhost", 1},
            [&](const asio::error_code& error, const auto& found) { answers += !error && !found.empty(); }));
    io.run_for(std::chrono::seconds(20));
    EXPECT_EQ(answers, 3 * limits::kLookupsMax);
    for (const auto& lookup : lookups) lookup->cancel();
}

// Nor does anybody wait for a lookup that is not wanted any more.
TEST(NetAddress, ALookupMayOutliveWhoeverAsked) {
    for (int i = 0; i < 20; ++i) {
        asio::io_context io;
        const auto dialer = std::make_shared<Dialer>(
            io, Address{"localhost", 1}, [](tcp::socket) { ADD_FAILURE() << "connected"; },
            [](DialError, const std::string&) { ADD_FAILURE() << "answered"; });
        dialer->start();
        dialer->cancel();
        io.run_for(std::chrono::milliseconds(1));
    }
}

TEST(NetAddress, FamiliesAreTriedInTurns) {
    const auto v4 = [](uint16_t port) { return tcp::endpoint(asio::ip::address_v4::loopback(), port); };
    const auto v6 = [](uint16_t port) { return tcp::endpoint(asio::ip::address_v6::loopback(), port); };
    using List = std::deque<tcp::endpoint>;
    EXPECT_EQ(Dialer::interleaved({v6(1), v6(2), v6(3), v4(4), v4(5)}),
              (List{v6(1), v4(4), v6(2), v4(5), v6(3)}));
    EXPECT_EQ(Dialer::interleaved({v4(1), v4(2), v6(3)}), (List{v4(1), v6(3), v4(2)}));
    EXPECT_EQ(Dialer::interleaved({v4(1)}), (List{v4(1)}));
    EXPECT_EQ(Dialer::interleaved({}), List{});
}

TEST(NetAddress, AnAddressThatSwallowsDialsCostsAQuarterOfASecond) {
    asio::io_context io;
    const BlackHole hole;
    tcp::acceptor alive(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    std::optional<tcp::endpoint> met;
    std::optional<DialError> failed;
    const auto dial = [&](std::deque<tcp::endpoint> candidates) {
        const auto dialer = std::make_shared<Dialer>(
            io, Address{"name", 1}, [&](tcp::socket socket) { met = socket.remote_endpoint(); },
            [&](DialError error, const std::string&) { failed = error; });
        dialer->start_with(std::move(candidates));
        const Instant start = AsioDriver::now();
        io.restart();
        io.run_for(std::chrono::seconds(2));
        dialer->cancel();
        return AsioDriver::now() - start;
    };
    const Duration took = dial({hole.at(), hole.at(), alive.local_endpoint()});
    EXPECT_EQ(met, alive.local_endpoint());
    EXPECT_GE(took, limits::kAttemptDelay * 2);
    EXPECT_LT(took, seconds(2));
    met.reset();
    dial({hole.at(), tcp::endpoint(asio::ip::make_address("127.0.0.1"), 1)});
    EXPECT_FALSE(met || failed) << "one of two refused; the other may answer yet";
}

std::set<int> open_descriptors() {
    std::set<int> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        found.insert(std::stoi(entry.path().filename()));
    }
    return found;
}

TEST(NetSockets, AreNotInheritedAndThoseOfBulkAreLostWhenSilent) {
    const std::set<int> before = open_descriptors();
    Process a(false), b(false);
    const Address at = *b.peer->listen({"127.0.0.1", 0});
    b.peer->accept = waiting(2);
    a.peer->run();
    b.peer->run();
    a.peer->call([&](Endpoint& e) { e.open_link(b.peer->key(), options_to(at, 2), AsioDriver::now()); });
    int sockets = 0, watched = 0;
    const auto all_dialled = [&] {
        sockets = watched = 0;
        for (const int descriptor : open_descriptors()) {
            struct stat info {};
            if (before.contains(descriptor) || ::fstat(descriptor, &info) != 0) continue;
            if (!S_ISSOCK(info.st_mode)) continue;
            ++sockets;
            int timeout_ms = 0;
            socklen_t size = sizeof timeout_ms;
            ::getsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, &size);
            watched += timeout_ms == limits::kStrandSilenceMax.ms() ? 1 : 0;
        }
        return sockets == 7 &&
               watched == 4;  // a listener, two ends of three strands; those of bulk are watched
    };
    // Both threads stand still meanwhile: neither opens what is being looked at.
    const auto all_dialled_at_rest = [&] { return b.peer->call([&](Endpoint&) { return all_dialled(); }); };
    ASSERT_TRUE(a.peer->wait(all_dialled_at_rest)) << sockets << ", " << watched << " watched";
    for (const int descriptor : open_descriptors()) {
        const int flags = ::fcntl(descriptor, F_GETFD);
        if (before.contains(descriptor) || flags < 0) continue;  // or the one that reads the folder
        EXPECT_NE(flags & FD_CLOEXEC, 0) << descriptor;
    }
}

TEST(NetAddress, AnUnknownNameIsUnreachable) {
    Process a(false), b(false);
    a.peer->run();
    a.peer->call([&](Endpoint& e) {
        e.open_link(b.peer->key(), options_to({"no-such-host.invalid", 1}, 0), AsioDriver::now());
    });
    ASSERT_TRUE(a.peer->wait([&] { return !a.peer->events.empty(); }, 30));
    EXPECT_EQ(a.peer->events[0], "down unreachable");
}

TEST(NetHostile, BytesOfAllKindsLeaveTheProcessAlive) {
    for (const bool tls : {false, true}) {
        Process a(tls), b(tls);
        const Address at = *b.peer->listen({"127.0.0.1", 0});
        b.peer->accept = waiting(1);
        b.peer->run();
        a.peer->run();
        Prng prng(1);
        asio::io_context io;
        const tcp::endpoint to(asio::ip::make_address("127.0.0.1"), at.port);
        for (int i = 0; i < 400; ++i) {  // more than kUnknownStrandsMax at once
            tcp::socket socket(io);
            socket.connect(to);
            Bytes junk(prng.below(5000));
            for (std::byte& byte : junk) byte = static_cast<std::byte>(prng.next());
            asio::error_code ignored;
            asio::write(socket, asio::buffer(junk), ignored);
        }
        std::vector<tcp::socket> silent;
        for (uint32_t i = 0; i < limits::kUnknownStrandsMax + 50; ++i) silent.emplace_back(io).connect(to);
        a.peer->call([&](Endpoint& e) { e.open_link(b.peer->key(), options_to(at, 1), AsioDriver::now()); });
        EXPECT_TRUE(a.peer->wait([&] { return a.peer->events == std::vector<std::string>{"up fresh"}; }));
    }
}

TEST(IdentityFile, KeepsTheKeyPrivateAndTheSame) {
    const std::string path = ::testing::TempDir() + "/identity-" + short_name(generate_identity().id());
    const Result<Identity> made = load_or_create_identity(path);
    ASSERT_TRUE(made.ok()) << made.error().detail;
    EXPECT_EQ(load_or_create_identity(path)->id(), made->id());
    EXPECT_FALSE(save_identity(*made, path).ok());
    ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
    EXPECT_NE(load_identity(path).error().detail.find("chmod 600"), std::string::npos);
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    ASSERT_EQ(::truncate(path.c_str(), 63), 0);
    EXPECT_NE(load_identity(path).error().detail.find("not 64 hex digits"), std::string::npos);
    ::remove(path.c_str());
    EXPECT_FALSE(load_identity(path).ok());
}

// A full disk is the way to a half-written file that a test can have: RLIMIT_FSIZE ends the write after 10
// bytes.
TEST(IdentityFile, ThatCannotBeWrittenLeavesNothingBehind) {
    char directory[] = "/tmp/whim-identity-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    const std::string path = std::string(directory) + "/key";
    const auto full = ::signal(SIGXFSZ, SIG_IGN);
    struct rlimit before {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small { 10, before.rlim_max };
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const Result<Identity> failed = load_or_create_identity(path);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    ::signal(SIGXFSZ, full);
    ASSERT_FALSE(failed.ok());
    EXPECT_NE(failed.error().detail.find("cannot be written"), std::string::npos) << failed.error().detail;
    EXPECT_TRUE(std::filesystem::is_empty(directory));
    EXPECT_TRUE(load_or_create_identity(path).ok()) << "the next start is not hindered";
    std::filesystem::remove_all(directory);
}

TEST(IdentityFile, ManyMakersAgreeOnOne) {
    char directory[] = "/tmp/whim-identity-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    for (int attempt = 0; attempt < 20; ++attempt) {
        const std::string path = fmt::format("{}/key{}", directory, attempt);
        std::array<PeerId, 8> ids;
        std::latch together(ids.size());
        {
            std::vector<std::jthread> makers;
            for (PeerId& id : ids) {
                makers.emplace_back([&] {
                    together.arrive_and_wait();
                    const Result<Identity> made = load_or_create_identity(path);
                    EXPECT_TRUE(made.ok()) << made.error().detail;
                    if (made.ok()) id = made->id();
                });
            }
        }
        for (const PeerId& id : ids) EXPECT_EQ(id, ids[0]);
        EXPECT_EQ(load_identity(path)->id(), ids[0]);
    }
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory), {}), 20) << "no temporaries";
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace whim::testing
