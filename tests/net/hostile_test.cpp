// Goal: random, truncated, split and oversized messages to any port end the connection they came on, and no
// more: memory stays bounded, the process lives, the next one is served. What is refused is refused with the
// reason. Method: bare sockets against a coordinator's and a peer's process, with TLS and without
// (hostile.h).
#include "hostile.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/prng.h"

namespace whim::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Security, Hostile, ::testing::Bool(),
                         [](const auto& tls) { return std::string(tls.param ? "Tls" : "None"); });

std::string junk(Prng& prng, size_t bytes) {
    std::string out(bytes, '\0');
    for (char& c : out) c = static_cast<char>(prng.next());
    return out;
}

TEST_P(Hostile, RandomBytes) {
    Prng prng(1);
    for (const Target& target : targets_) {
        for (int i = 0; i < 100; ++i) {
            RawClient client(target.at);
            std::string start = i % 2 == 0 ? std::string() : good_start(target);
            start.resize(prng.below(start.size() + 1));
            client.send(start + junk(prng, prng.below(100'000)));
            client.half_close();
            EXPECT_TRUE(client.read_to_end()) << target.name << " keeps connection " << i;
        }
    }
}

// Each bit of a good beginning turned, one at a time: nearly right is the hardest wrong.
TEST_P(Hostile, AGoodBeginningWithOneBitTurned) {
    for (const Target& target : targets_) {
        const std::string good = good_start(target);
        for (size_t at = 0; at < good.size(); ++at) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
            RawClient client(target.at);
            client.send(bad);
            client.half_close();
            EXPECT_TRUE(client.read_to_end()) << target.name << " keeps it with byte " << at << " changed";
        }
    }
}

TEST_P(Hostile, TruncatedAndEnded) {
    for (const Target& target : targets_) {
        const std::string good = good_start(target);
        for (size_t bytes = 0; bytes < good.size(); ++bytes) {
            RawClient client(target.at);
            client.send(good.substr(0, bytes));
            client.half_close();
            const auto answer = client.read_to_end();
            ASSERT_TRUE(answer) << target.name << " keeps a connection that ended after " << bytes;
            EXPECT_NE(parse_answer(*answer).status, 200) << target.name << " after " << bytes;
        }
    }
}

TEST_P(Hostile, ByteByByteIsNothingSpecial) {
    EXPECT_EQ(answer_to(targets_[0], hello(), true).status, HelloStatus::ok);
    Hello other_run = hello();
    other_run.run_name = "vision";
    EXPECT_EQ(answer_to(targets_[2], other_run, true).detail, "this is run 'gpt', not 'vision'");
    RawClient client(targets_[1].at);
    EXPECT_TRUE(client.send_byte_by_byte(good_start(targets_[1])));
    EXPECT_EQ(parse_answer(client.read_to_end().value_or("")).status, 200);
}

// The bytes that announce more than anybody may send, and then the more: some 64 MiB of it.
TEST_P(Hostile, OversizedAndEndless) {
    std::vector<std::string> starts;
    if (GetParam()) {
        starts.push_back(std::string("\x16\x03\x01\xff\xff", 5));  // record
        starts.push_back(
            std::string("\x16\x03\x01\x40\x00\x01\xff\xff\xff\x03\x03", 11));  // hello inside one
    } else {
        for (uint8_t type = 1; type <= 8; ++type) {
            Bytes prefix;
            ByteWriter(prefix).u32(0xffff'0000u | type);
            ByteWriter(prefix).u32(type % 2 == 0 ? 0xffff'ffff : limits::kMessageBytesMax + 1);
            starts.emplace_back(text_of(prefix));
        }
        Bytes largest;  // a length that is allowed, of a message nobody may send yet
        put_prefix(largest, {FrameType::message, 0, limits::kMessageBytesMax});
        starts.emplace_back(text_of(largest));
    }
    const std::string more(1 << 20, 'a');
    const auto pour = [&](const Target& target, const std::string& start) {
        RawClient client(target.at);
        bool open = client.send(start);
        for (int mib = 0; open && mib < 64; ++mib) open = client.send(more);
        client.half_close();
        const auto answer = client.read_to_end();
        EXPECT_TRUE(answer) << target.name;
        return answer.value_or("");
    };
    for (const size_t target : {0, 2}) {
        for (const std::string& start : starts) pour(targets_[target], start);
    }
    EXPECT_EQ(parse_answer(pour(targets_[1], "GET / HTTP/1.1\r\nA: ")).status, 431);
    EXPECT_EQ(parse_answer(pour(targets_[1], "")).status, 431);
    EXPECT_EQ(parse_answer(pour(targets_[1], "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")).status,
              405);
}

TEST_P(Hostile, OversizedInsideAValidHandshake) {
    if (!GetParam()) GTEST_SKIP() << "without TLS every frame is outside";
    for (const size_t target : {0, 2}) {
        for (const uint32_t bytes : {limits::kHelloBytesMax + 1, 0xffff'ffffu}) {
            Speaker speaker(targets_[target].at, channels_.get());
            Bytes frame;
            put_prefix(frame, {FrameType::hello, 0, bytes});
            frame.resize(frame.size() + 100'000);
            speaker.say(frame);
            EXPECT_FALSE(speaker.reply()) << targets_[target].name;
            EXPECT_TRUE(speaker.raw().read_to_end());
        }
    }
}

TEST_P(Hostile, AWrongProtocolVersionIsToldTheRightOnes) {
    Hello future = hello();
    future.version_min = 900, future.version_max = 901;
    for (const size_t target : {0, 2}) {
        const HelloReply reply = answer_to(targets_[target], future);
        EXPECT_EQ(reply.status, HelloStatus::version) << targets_[target].name;
        EXPECT_EQ(reply.detail.find("protocol versions 900..901 offered, "), 0u) << reply.detail;
        EXPECT_NE(reply.detail.find("spoken here"), std::string::npos) << reply.detail;
    }
}

TEST_P(Hostile, AWrongRunIsToldWhichRunThisIs) {
    Hello other = hello();
    other.run_name = "vision";
    for (const size_t target : {0, 2}) {
        const HelloReply reply = answer_to(targets_[target], other);
        EXPECT_EQ(reply.status, HelloStatus::rejected) << targets_[target].name;
        EXPECT_EQ(reply.detail, "this is run 'gpt', not 'vision'");
    }
}

TEST_P(Hostile, AWrongTokenIsRefusedWithTheReason) {
    if (!GetParam()) GTEST_SKIP() << "security none asks for no token";
    ControlPeer::Setup setup;
    setup.coordinator = targets_[0].at;
    setup.token = "whim1.nonsense";
    ControlPeer peer(setup);
    peer.join();
    const Status status = peer.wait_for<group::JoinEnded>().status;
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::E_TOKEN);
    EXPECT_NE(status.error().detail.find("cut short or mistyped"), std::string::npos)
        << status.error().detail;
}

TEST_P(Hostile, AHelloInAnothersNameIsRefused) {
    if (!GetParam()) GTEST_SKIP() << "security none proves no names";
    Hello forged = hello();
    forged.from.bytes[0] ^= 1;
    for (const size_t target : {0, 2}) {
        EXPECT_EQ(answer_to(targets_[target], forged).status, HelloStatus::identity) << targets_[target].name;
    }
}

TEST_P(Hostile, ATlsClientWithoutACertificateIsRefused) {
    if (!GetParam()) GTEST_SKIP() << "no TLS";
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                    SSL_CTX_free);
    for (const size_t target : {0, 2}) {
        RawClient client(targets_[target].at);
        const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
        client.limit_waits(10);
        ASSERT_EQ(SSL_set_fd(ssl.get(), client.descriptor()), 1);
        ERR_clear_error();
        char byte = 0;
        // With TLS 1.3 the client learns of it after its own handshake, with the first read.
        const bool shaken = SSL_connect(ssl.get()) == 1;
        EXPECT_LE(shaken ? SSL_read(ssl.get(), &byte, 1) : 0, 0);
        const unsigned long error = ERR_peek_error();
        EXPECT_EQ(ERR_GET_REASON(error), SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED)
            << targets_[target].name << ": " << ERR_error_string(error, nullptr);
    }
}

// Whoever holds many connections keeps nobody from looking: the oldest makes way.
TEST_P(Hostile, ManyIdleConnectionsToThePages) {
    std::vector<std::unique_ptr<RawClient>> idle;
    for (uint32_t i = 0; i < 3 * limits::kHttpConnectionsMax; ++i) {
        idle.push_back(std::make_unique<RawClient>(targets_[1].at));
        if (i % 2 == 0) idle.back()->send("GET /state HT");
    }
    for (int i = 0; i < 10; ++i) EXPECT_EQ(http_get(targets_[1].at, "/healthz").status, 200);
    EXPECT_TRUE(idle.front()->read_to_end(std::chrono::seconds(2))) << "long before its time was up";
}

}  // namespace
}  // namespace whim::testing
