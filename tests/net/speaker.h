// Speaks the session protocol by hand, with or without TLS, so that a test can say what no endpoint would.
#pragma once

#include <memory>
#include <optional>

#include "raw_client.h"
#include "transport/session/frame.h"
#include "transport/session/frame_reader.h"
#include "transport/session/secure_channel.h"
#include "wire/version.h"

namespace whim::testing {

inline std::string_view text_of(ByteSpan bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline ByteSpan bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

class Speaker {
public:
    // channels: null for security none.
    Speaker(const Address& to, ChannelFactory* channels, bool byte_by_byte = false)
        : client_(to), channel_(channels ? channels->make(ChannelFactory::Side::dialer) : nullptr),
          byte_by_byte_(byte_by_byte) {}

    RawClient& raw() { return client_; }

    // False: the other side has ended it.
    bool say(ByteSpan plain) {
        if (!channel_) return transmit(plain);
        if (!shake_hands()) return false;
        while (!plain.empty()) {
            const Result<size_t> taken = channel_->write(plain);
            if (!taken || !flush()) return false;
            plain = plain.subspan(*taken);
        }
        return flush();
    }
    bool say(const Hello& hello) {
        Bytes frame;
        put_hello(frame, hello);
        return say(frame);
    }
    // The reply to a hello; nullopt when the other side ends without one, or says nothing for that long.
    std::optional<HelloReply> reply(int patience_ms = 10'000) {
        Listening listening;
        while (!listening.reply) {
            const std::string got = client_.read(1, patience_ms);
            if (got.empty() || !take(bytes_of(got), listening)) break;
        }
        return listening.reply;
    }

private:
    struct Listening final : FrameReader::Handler {
        bool on_frame(FrameType type, ByteSpan body) override {
            if (type == FrameType::hello_reply) reply = decode_hello_reply(body);
            return false;
        }
        std::optional<MutableByteSpan> on_bulk(ByteSpan, uint32_t) override { return std::nullopt; }
        bool on_bulk_whole() override { return false; }
        std::optional<HelloReply> reply;
    };

    bool take(ByteSpan got, Listening& listening) {
        if (!channel_) return reader_.consume(got, listening).ok();
        if (!channel_->feed(got).ok()) return false;
        for (;;) {
            std::array<std::byte, 4096> plain;
            const Result<size_t> bytes = channel_->read(plain);
            if (!bytes) return false;
            if (*bytes == 0) return true;
            if (!reader_.consume(ByteSpan(plain).first(*bytes), listening).ok()) return false;
        }
    }
    bool shake_hands() {
        while (!channel_->established()) {
            if (!flush()) return false;
            const std::string got = client_.read(1);
            if (got.empty() || !channel_->feed(bytes_of(got)).ok()) return false;
        }
        return flush();
    }
    bool flush() {
        while (!channel_->to_network().empty()) {
            const ByteSpan waiting = channel_->to_network();
            if (!transmit(waiting)) return false;
            channel_->sent(waiting.size());
        }
        return true;
    }
    bool transmit(ByteSpan bytes) {
        return byte_by_byte_ ? client_.send_byte_by_byte(text_of(bytes)) : client_.send(text_of(bytes));
    }

    RawClient client_;
    std::unique_ptr<SecureChannel> channel_;
    FrameReader reader_;
    const bool byte_by_byte_;
};

}  // namespace whim::testing
