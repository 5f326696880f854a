// The cutting itself: prefix, then header or body, then payload.
#include "transport/session/frame_reader.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"

namespace whim {

size_t FrameReader::frame_bytes(ByteSpan have) {
    if (have.size() < kFramePrefixBytes) return kFramePrefixBytes;
    Result<FramePrefix> prefix = decode_prefix(have);
    if (!prefix) {
        broken_ = prefix.error();
        return 0;
    }
    prefix_ = *prefix;
    return kFramePrefixBytes +
           (prefix_.type == FrameType::bulk ? prefix_.header_bytes : prefix_.payload_bytes);
}

bool FrameReader::step(ByteSpan frame, Handler& handler) {
    const ByteSpan body = frame.subspan(kFramePrefixBytes);
    if (prefix_.type != FrameType::bulk) return handler.on_frame(prefix_.type, body);
    last_payload_bytes_ = prefix_.payload_bytes;
    const std::optional<MutableByteSpan> into = handler.on_bulk(body, prefix_.payload_bytes);
    if (!into) return false;
    WHIM_ASSERT(into->empty() || into->size() == prefix_.payload_bytes);
    into_ = *into;
    payload_left_ = prefix_.payload_bytes;
    return payload_left_ > 0 || handler.on_bulk_whole();
}

bool FrameReader::fill_payload(ByteSpan& bytes, Handler& handler) {
    const size_t count = std::min<size_t>(bytes.size(), payload_left_);
    if (!into_.empty()) {
        std::memcpy(into_.data(), bytes.data(), count);
        into_ = into_.subspan(count);
    }
    bytes = bytes.subspan(count);
    payload_left_ -= static_cast<uint32_t>(count);
    return payload_left_ > 0 || handler.on_bulk_whole();
}

void FrameReader::direct_arrived(size_t bytes, Handler& handler) {
    WHIM_ASSERT(bytes <= payload_left_);
    if (!into_.empty()) into_ = into_.subspan(bytes);
    payload_left_ -= static_cast<uint32_t>(bytes);
    if (payload_left_ == 0) handler.on_bulk_whole();
}

Status FrameReader::consume(ByteSpan bytes, Handler& handler) {
    for (;;) {
        if (payload_left_ > 0) {
            if (bytes.empty() || !fill_payload(bytes, handler)) return {};
            continue;
        }
        const bool gathered = !partial_.empty();
        const ByteSpan have = gathered ? ByteSpan(partial_) : bytes;
        const size_t need = frame_bytes(have);
        if (broken_) return *broken_;
        if (have.size() < need) {
            if (bytes.empty()) return {};
            const size_t count = std::min(bytes.size(), need - (gathered ? have.size() : 0));
            partial_.insert(partial_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
            bytes = bytes.subspan(count);
            continue;
        }
        if (!step(have.first(need), handler)) return {};
        if (!gathered) {
            bytes = bytes.subspan(need);
        } else if (partial_.capacity() > limits::kReadStagingBytes) {
            partial_ = Bytes();
        } else {
            partial_.clear();
        }
    }
}

}  // namespace whim
