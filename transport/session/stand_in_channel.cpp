// Records are {length u32, check u32, bytes}. The first record of each side holds its peer id; the listener
// sends its own after it has heard the dialer's, so that the handshake costs a round trip as TLS does.
#include "transport/session/stand_in_channel.h"

#include <algorithm>
#include <cstring>

#include "base/prng.h"
#include "transport/session/byte_queue.h"

namespace whim {
namespace {

constexpr size_t kHeadBytes = 8;
constexpr size_t kRecordBytesMax = 16u << 10;  // of plain bytes, as in TLS

uint32_t check_of(ByteSpan bytes) {
    uint64_t sum = bytes.size();
    while (!bytes.empty()) {
        const size_t count = std::min<size_t>(bytes.size(), 8);
        uint64_t word = 0;
        std::memcpy(&word, bytes.data(), count);
        sum = mix64(sum ^ word);
        bytes = bytes.subspan(count);
    }
    return static_cast<uint32_t>(sum);
}

class StandInChannel final : public SecureChannel {
public:
    StandInChannel(PeerId self, ChannelFactory::Side side) : self_(self) {
        if (side == ChannelFactory::Side::dialer) introduce();
    }

    Status feed(ByteSpan from_network) override {
        in_.append(from_network);
        if (remote_) return {};
        const Result<ByteSpan> record = next_record();
        if (!record) return record.error();
        if (record->empty()) return {};
        PeerId id;
        if (record->size() != id.bytes.size())
            return fail(Code::E_PROTOCOL, "stand-in channel: no introduction");
        std::memcpy(id.bytes.data(), record->data(), id.bytes.size());
        pop_record();
        remote_ = id;
        if (!introduced_) introduce();
        return {};
    }

    Result<size_t> read(MutableByteSpan plain) override {
        const Result<ByteSpan> record = next_record();
        if (!record) return record.error();
        const ByteSpan rest = record->subspan(std::min(read_, record->size()));
        const size_t count = std::min(rest.size(), plain.size());
        std::copy_n(rest.begin(), count, plain.begin());
        read_ += count;
        if (count > 0 && count == rest.size()) pop_record();
        return count;
    }

    Result<size_t> write(ByteSpan plain) override {
        const size_t count = std::min(plain.size(), kRecordBytesMax);
        if (count > 0) put_record(plain.first(count));
        return count;
    }

    ByteSpan to_network() const override { return out_.front(); }
    void sent(size_t bytes) override { out_.drop(bytes); }
    bool established() const override { return remote_ && introduced_; }
    std::optional<PeerId> remote_id() const override { return remote_; }

private:
    // The first whole record's bytes; empty when there is none yet.
    Result<ByteSpan> next_record() const {
        const ByteSpan in = in_.front();
        if (in.size() < kHeadBytes) return ByteSpan();
        ByteReader head(in);
        const uint32_t length = head.u32();
        const uint32_t check = head.u32();
        if (length == 0 || length > kRecordBytesMax)
            return fail(Code::E_PROTOCOL, "stand-in channel: impossible record");
        if (head.remaining() < length) return ByteSpan();
        const ByteSpan record = in.subspan(kHeadBytes, length);
        if (check_of(record) != check) return fail(Code::E_PROTOCOL, "stand-in channel: record was altered");
        return record;
    }
    void pop_record() {
        ByteReader head(in_.front());
        in_.drop(kHeadBytes + head.u32());
        read_ = 0;
    }
    void put_record(ByteSpan plain) {
        Bytes head;
        ByteWriter writer(head);
        writer.u32(static_cast<uint32_t>(plain.size()));
        writer.u32(check_of(plain));
        out_.append(head);
        out_.append(plain);
    }
    void introduce() {
        introduced_ = true;
        put_record(std::as_bytes(std::span(self_.bytes)));
    }

    const PeerId self_;
    ByteQueue in_;
    size_t read_ = 0;  // of the first record
    ByteQueue out_;
    bool introduced_ = false;
    std::optional<PeerId> remote_;
};

}  // namespace

std::unique_ptr<SecureChannel> SimChannelFactory::make(Side side) {
    return std::make_unique<StandInChannel>(self_, side);
}

}  // namespace whim
