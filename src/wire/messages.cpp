// Encoding and bounded decoding of messages: a type byte, then the fields; nothing may be left over.
#include "wire/messages.h"

#include <array>

#include "wire/archive.h"

namespace whim::wire {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<Message>> kNames = {
    "join_request",   "round_ready",    "commit_vote",
    "suspect_report", "probe_reply",    "op_exclude_request",
    "leave_request",  "record_query",   "join_reply",
    "view_update",    "round_start",    "round_outcome",
    "probe_request",  "record_reply",   "wait_notice",
    "op_post",        "op_grant",       "op_status",
    "op_fetch",       "op_ack",         "op_stable",
    "op_fail",        "op_listen",      "op_report",
    "op_decide",      "circuit_open",   "circuit_answer",
    "circuit_data",   "circuit_credit", "circuit_close",
    "link_report"};

template <size_t I = 0> Result<Message> decode_as(size_t type, ByteSpan body) {
    if constexpr (I == std::variant_size_v<Message>) {
        return fail(Code::E_PROTOCOL, "unknown message type " + std::to_string(type));
    } else {
        if (type != I) return decode_as<I + 1>(type, body);
        Reader reader(body);
        std::variant_alternative_t<I, Message> value;
        reader(value);
        if (!reader.ok())
            return fail(Code::E_PROTOCOL, std::string(kNames[I]) + ": truncated or out of bounds");
        if (!reader.done()) return fail(Code::E_PROTOCOL, std::string(kNames[I]) + ": bytes left over");
        return Message(std::move(value));
    }
}

template <class T> Bytes encode_value(const T& value) {
    Bytes out;
    Writer writer(out);
    writer(value);
    return out;
}

template <class T> Result<T> decode_value(ByteSpan bytes, const char* name) {
    Reader reader(bytes);
    T value;
    reader(value);
    if (!reader.done()) return fail(Code::E_PROTOCOL, std::string(name) + ": malformed");
    return value;
}

}  // namespace

Bytes encode(const Message& message) {
    Bytes out;
    out.push_back(static_cast<std::byte>(message.index()));
    Writer writer(out);
    std::visit([&](const auto& value) { writer(value); }, message);
    return out;
}

Result<Message> decode(ByteSpan bytes) {
    if (bytes.empty()) return fail(Code::E_PROTOCOL, "empty message");
    return decode_as(static_cast<size_t>(bytes[0]), bytes.subspan(1));
}

std::string_view message_name(const Message& message) { return kNames[message.index()]; }

Bytes encode(const BulkHeader& header) { return encode_value(header); }

Result<BulkHeader> decode_bulk_header(ByteSpan bytes) {
    Result<BulkHeader> header = decode_value<BulkHeader>(bytes, "bulk header");
    const bool known = header.ok() && header->kind <= static_cast<uint8_t>(BulkKind::partial) &&
                       header->kind != kCircuitHeaderKind;
    if (header.ok() && !known) { return fail(Code::E_PROTOCOL, "bulk header: unknown kind"); }
    return header;
}

Bytes encode(const CircuitHeader& header) { return encode_value(header); }

bool is_circuit_header(ByteSpan bytes) {
    return !bytes.empty() && static_cast<uint8_t>(bytes[0]) == kCircuitHeaderKind;
}

Result<CircuitHeader> decode_circuit_header(ByteSpan bytes) {
    if (!is_circuit_header(bytes)) return fail(Code::E_PROTOCOL, "circuit header: another kind of header");
    return decode_value<CircuitHeader>(bytes, "circuit header");
}

Bytes encode_record(const RoundRecord& record) { return encode_value(record); }
Result<RoundRecord> decode_record(ByteSpan bytes) { return decode_value<RoundRecord>(bytes, "round record"); }

}  // namespace whim::wire
