// Makes the seeds of the session layer's fuzz targets: small, one path each.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "../unit/session/bench.h"
#include "transport/session/tls_channel.h"

namespace {

using namespace whim;
using namespace whim::testing;

void write(const std::filesystem::path& file, ByteSpan bytes) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

Bytes prefixed(uint8_t first, ByteSpan rest) {
    Bytes out{static_cast<std::byte>(first)};
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

Bytes script(std::initializer_list<int> bytes) {
    Bytes out;
    for (const int b : bytes) out.push_back(static_cast<std::byte>(b));
    return out;
}

void handshake(const std::filesystem::path& to) {
    Bytes hello, reply, ack;
    put_hello(hello, hello_of());
    put_hello_reply(reply, HelloReply{.status = HelloStatus::rejected, .detail = "no", .from = peer_id(3)});
    put_count(ack, FrameType::ack, {1, 2, 3});
    write(to / "hello", prefixed(0, ByteSpan(hello).subspan(kFramePrefixBytes)));
    write(to / "reply", prefixed(1, ByteSpan(reply).subspan(kFramePrefixBytes)));
    write(to / "prefix", prefixed(2, ByteSpan(ack).first(kFramePrefixBytes)));
    write(to / "count", prefixed(3, ByteSpan(ack).subspan(kFramePrefixBytes)));
    write(to / "strands_wanted", prefixed(5, script({3, 0, 0, 0})));
}

void frames(const std::filesystem::path& to) {
    Bytes stream;
    put_message(stream, 1, to_bytes("message"));
    put_part(stream, {1, 20, 13}, to_bytes("header"), 7);
    ByteWriter(stream).raw(to_bytes("payload"));
    put_ping(stream, 1);
    put_count(stream, FrameType::ack, {0, 1, 1});
    put_part(stream, {2, 0, 0}, {}, 0);
    put_part(stream, {1, 20, PartHeader::kGivenUp}, to_bytes("header"), 0);
    write(to / "stream", prefixed(4, stream));
    put_prefix(stream, {FrameType::message, 0, 0x7fffffff});
    write(to / "broken", prefixed(0, stream));
}

// Operations as fuzz_strand.cpp numbers them.
void strand(const std::filesystem::path& to) {
    Bytes hello;
    put_hello(hello, hello_of());
    Bytes raw = script({0, 3, static_cast<int>(hello.size())});
    raw.insert(raw.end(), hello.begin(), hello.end());
    write(to / "raw_hello", raw);
    write(to / "accepted", script({1, 0, 2, 0, 0x16, 0x17, 5, 0x15, 4, 2, 3, 9, 9, 9, 0x14, 6, 0, 5}));
    // Control and two bulk strands; frame 3 in three parts over both, frame 2 given up, frame 1 in a feed.
    write(to / "parts",
          script({1, 0, 0x02, 0,    0x12, 0, 4,  3,    3,  0x04, 0x14, 3,    3,    0x06, 4,  3,  3, 0x05,
                  4, 3, 2,    0x04, 0x14, 3, 2,  0xe0, 5,  4,    3,    0xc1, 0x04, 3,    20, 1,  2, 3,
                  4, 5, 6,    7,    8,    9, 10, 11,   12, 13,   14,   15,   16,   17,   18, 19, 20}));
    write(to / "part_cut", script({1, 0, 0x02, 0, 0x12, 0,    4,    3, 0xc3, 0x04, 3, 5, 1, 2,   3,
                                   4, 5, 0x14, 3, 3,    0x0c, 0x0a, 5, 0x12, 0,    4, 3, 3, 0x0c}));
    write(to / "part_impossible", script({1, 0, 0x02, 0, 4, 3, 3, 0x04, 4, 3, 0x43, 0xf4}));
    write(to / "dialled",
          script({0x08, 0x1b, 0x0e, 7, 1, 0, 0x08, 0x1b, 0x0e, 7, 1, 0, 0x06, 0x07, 0x05, 0x15}));
    write(to / "refused", script({0x08, 0x0b, 0xf9, 0x0b, 0xf9, 0x0b, 0xf9}));
    write(to / "lost", script({1, 0, 2, 0, 0xf7, 0x0d, 0x0a, 0x14, 7, 0, 1, 5, 2, 0, 5, 1, 1, 5}));
    write(to / "parked", script({0x0c, 1, 0, 0xf9, 0xf9, 0xf9, 5}));
    write(to / "beats", script({1, 0, 0xf8, 5, 4, 5, 1, 0, 4, 4, 9, 0, 5, 0xf9, 5}));
}

void tls(const std::filesystem::path& to) {
    KeySeed seed{};
    seed.fill(1);
    const auto factory = std::move(TlsChannelFactory::create(Identity(seed)).value());
    const auto dialer = factory->make(ChannelFactory::Side::dialer);
    const auto listener = factory->make(ChannelFactory::Side::listener);
    const ByteSpan front = dialer->to_network();
    const Bytes first(front.begin(), front.end());
    write(to / "client_hello", prefixed(0xf8, first));
    (void)listener->feed(first).ok();
    write(to / "server_flight", prefixed(0xfc, listener->to_network()));
    write(to / "after_handshake", prefixed(0xfa, script({23, 3, 3, 0, 4, 1, 2, 3, 4})));
    write(to / "alert", prefixed(0xf8, script({21, 3, 3, 0, 2, 2, 40})));
}

void address(const std::filesystem::path& to) {
    int number = 0;
    for (const std::string text : {"10.0.0.1:7000", "[::1]:7", "host.example:65536", "[]:", ":1"}) {
        write(to / std::to_string(number++), std::as_bytes(std::span(text)));
    }
}

Bytes joined(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

// Operations as fuzz_engine.cpp numbers them.
void engine(const std::filesystem::path& to) {
    const Bytes admitted = script({2, 0, 0x1f, 11, 1, 0, 11, 1, 1, 9, 50});
    const Bytes round = script({6, 1, 2, 2, 0x1f});
    const Bytes others_post = script({5, 1, 5, 3, 5, 4, 5, 5});
    Bytes contributions, results, acks;
    for (const int who : {1, 3, 4, 5}) {
        acks = joined({acks, script({14, who, 31 << 3})});
        for (int chunk = 0; chunk < 8; ++chunk) {
            contributions = joined({contributions, script({4, who, chunk << 3, 0})});
            results = joined({results, script({4, who, chunk << 3 | 1, 0x1f})});
        }
    }
    const Bytes whole = joined({others_post, contributions, results, acks, script({9, 20})});
    const auto all_reduce = [](int how, int shape) { return script({7, how, shape, 31}); };
    write(to / "sum", joined({admitted, round, all_reduce(0, 1), whole, script({6, 0, 9, 20})}));
    write(to / "avg", joined({admitted, round, all_reduce(2, 1), whole}));
    write(to / "in_place", joined({admitted, round, all_reduce(2, 0x81), whole}));
    write(to / "uniform", joined({admitted, round, all_reduce(2, 9), whole}));
    write(to / "early",
          joined({admitted, round, all_reduce(2, 1), script({8, 12}), whole, all_reduce(3, 1), whole}));
    const Bytes shrink = script({2, 1, 0x1b, 9, 20});
    write(to / "shrink",
          joined({admitted, round, all_reduce(2, 1), others_post, contributions, shrink, results}));
    write(to / "shrink_uniform",
          joined({admitted, round, all_reduce(0, 1), others_post, contributions, shrink, whole}));
    write(to / "evicted",
          joined({admitted, round, all_reduce(0, 1), others_post, script({2, 1, 0xdf, 10, 20})}));
    write(to / "grace", joined({admitted, round, all_reduce(2, 0x61), others_post, script({10, 50})}));
}

// Operations as fuzz_coordinator.cpp numbers them.
void coordinator(const std::filesystem::path& to) {
    const auto three_join = [](int dial_back) { return script({dial_back, 0, 6, 0, 0, 6, 1, 0, 6, 2, 0}); };
    Bytes ready, votes;
    for (int who = 0; who < 3; ++who) {
        ready = joined({ready, script({0, 3, who, 0, 1, 0, 0})});              // RoundReady, any round
        votes = joined({votes, script({0, 3, who, 0, 2, 1, 0, 1, 0, 0, 0})});  // CommitVote of round 1
    }
    const Bytes members = joined({three_join(0), ready, script({3, 50})});
    write(to / "rounds", joined({members, votes, script({3, 50}), ready, votes}));
    write(to / "dialled_back", joined({three_join(1), script({4, 0, 0, 4, 1, 1, 4, 0x82, 3, 50}), ready}));
    write(to / "silence", joined({members, script({3, 100, 0, 2, 0, 0, 3, 100, 3, 100})}));
    write(to / "left", joined({members, script({0, 3, 0, 0, 6, 0, 0, 1, 1, 0, 3, 50})}));
    write(to / "suspected", joined({members, script({0, 3, 0, 0, 3, 2, 1, 0, 0, 0, 3, 50})}));
    write(to / "orders", joined({members, script({5, 1, 1, 5, 0, 1, 3, 50})}));
}

// Operations as fuzz_shared_ring.cpp numbers them.
void shared_ring(const std::filesystem::path& to) {
    write(to / "honest",
          script({0, 0, 64, 1, 0, 32, 2, 0, 1, 1, 0, 64, 3, 0, 255, 255, 3, 1, 255, 255, 0, 255, 255}));
    write(to / "broken", script({0,  0, 64, 4,   1, 9, 9, 9, 9, 9, 9, 9, 9, 1, 0,
                                 64, 5, 1,  255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64}));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: fuzz_seeds DIRECTORY\n");
        return 2;
    }
    const std::filesystem::path to = argv[1];
    handshake(to / "handshake");
    frames(to / "frames");
    strand(to / "strand");
    tls(to / "tls");
    address(to / "address");
    engine(to / "engine");
    coordinator(to / "coordinator");
    shared_ring(to / "shared_ring");
    return 0;
}
