// Decoding frames on their way, and saying in a few words what they are.
#include "tests/sim/wiretap.h"

#include "wire/messages.h"

namespace whim::sim {
namespace {

std::string_view kind_name(uint8_t kind) {
    switch (wire::BulkKind{kind}) {
        case wire::BulkKind::contribution: return "contribution";
        case wire::BulkKind::result: return "result";
        case wire::BulkKind::partial: return "partial sum";
    }
    return "frame of no kind";
}

template <class T> std::string ranges(const std::vector<T>& list) {
    std::string text;
    for (const auto& r : list) {
        if constexpr (requires { r.chunks; })
            text += fmt::format(" {}+{}:{}", r.chunks.first, r.chunks.count, r.status);
        else text += fmt::format(" {}+{}", r.first, r.count);
    }
    return text;
}

std::string details(const wire::Message& message) {
    return std::visit(
        [](const auto& m) {
            std::string text;
            if constexpr (requires { m.op.tag; }) text += " " + to_string(m.op);
            if constexpr (requires { m.attempt; }) text += fmt::format(" attempt {}", m.attempt);
            if constexpr (requires { m.version; }) text += fmt::format(" version {}", m.version);
            if constexpr (requires { m.chunks; }) text += ranges(m.chunks);
            if constexpr (requires { m.ranges; }) text += ranges(m.ranges);
            if constexpr (requires { m.available; }) text += ranges(m.available);
            if constexpr (requires { m.chunks_closed; }) text += fmt::format(" closed {}", m.chunks_closed);
            if constexpr (requires { m.everywhere; }) text += m.everywhere ? " everywhere" : "";
            if constexpr (requires { m.view; }) text += fmt::format(" epoch {}", m.view.epoch.value);
            if constexpr (requires { m.fencing; }) text += fmt::format(" fencing {}", m.fencing.value);
            if constexpr (requires { m.reason; }) text += " " + m.reason;
            if constexpr (requires { m.detail; }) text += " " + m.detail;
            return text;
        },
        message);
}

}  // namespace

struct Wiretap::Stream final : FrameReader::Handler {
    Stream(World& w, HostId f, HostId t) : world(w), from(f), to(t) {}
    bool on_frame(FrameType type, ByteSpan body) override {
        if (type == FrameType::hello || type == FrameType::hello_reply) {
            world.trace(to, "<- {}: {}", world.host_name(from),
                        type == FrameType::hello ? "hello" : "hello_reply");
        }
        if (type != FrameType::message) return true;
        const Result<wire::Message> message =
            wire::decode(body.subspan(std::min(body.size(), kMessageNumberBytes)));
        if (message.ok())
            world.trace(to, "<- {}: {}{}", world.host_name(from), wire::message_name(*message),
                        details(*message));
        else world.trace(to, "<- {}: a message that cannot be decoded", world.host_name(from));
        return true;
    }
    std::optional<MutableByteSpan> on_bulk(ByteSpan bytes, uint32_t payload_bytes) override {
        const auto part = decode_part_header(bytes, payload_bytes);
        if (!part) return std::nullopt;
        about = fmt::format("frame {}, {}", part->number,
                            part->given_up() ? "given up"
                                             : fmt::format("{} bytes of {} from {}", payload_bytes,
                                                           part->frame_bytes, part->offset));
        const ByteSpan header = bytes.subspan(kPartHeaderBytes);
        if (const Result<wire::BulkHeader> h = wire::decode_bulk_header(header); h.ok())
            about += fmt::format(": {} {} chunk {} attempt {} version {}", kind_name(h->kind),
                                 to_string(h->op), h->chunk, h->attempt, h->version);
        return MutableByteSpan();
    }
    bool on_bulk_whole() override {
        world.trace(to, "<- {}: {}", world.host_name(from), about);
        return true;
    }
    World& world;
    const HostId from, to;
    std::string about;
    FrameReader reader;
    bool broken = false;
};

Wiretap::Wiretap(World& world) : world_(world) {}
Wiretap::~Wiretap() = default;

void Wiretap::heard(HostId from, HostId to, uint64_t stream, ByteSpan bytes) {
    std::unique_ptr<Stream>& s = streams_[stream];
    if (!s) s = std::make_unique<Stream>(world_, from, to);
    if (!s->broken) s->broken = !s->reader.consume(bytes, *s).ok();
}

}  // namespace whim::sim
