// Guards around the application's functions.
#include "collectives/codec/custom_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/custom_name.h"
#include "base/limits.h"
#include "collectives/kernels/floats.h"
#include "collectives/kernels/screen.h"

namespace whim {
namespace {

constexpr size_t kGuardBytes = 16;
constexpr auto kGuardByte = std::byte{0xa5};
constexpr size_t kGuardFloats = 4;
constexpr float kGuardFloat = -6.0478e-39f;  // a subnormal that no decoder is likely to write

template <class T> bool untouched(std::span<T> guard, std::remove_const_t<T> value) {
    return std::all_of(guard.begin(), guard.end(), [&](const auto& x) { return x == value; });
}

}  // namespace

Status check_codec(const CodecParts& parts) {
    if (const Status name = check_custom_name(parts.name, parts.parameters); !name.ok()) return name;
    const auto wrong = [&](std::string what) {
        return fail(Code::E_INVALID, fmt::format("codec {}: {}", parts.name, what));
    };
    if (!parts.bytes_max || !parts.encode || !parts.decode)
        return wrong("bytes_max, encode and decode are needed");
    if (parts.cut_elements % 16 != 0 || parts.cut_elements > limits::kCodecBlockMax)
        return wrong(fmt::format("cut_elements {}: a multiple of 16 up to {}, or 0", parts.cut_elements,
                                 limits::kCodecBlockMax));
    if (!std::isfinite(parts.magnitude_max) || parts.magnitude_max <= 0)
        return wrong(fmt::format("magnitude_max {}: finite and positive", parts.magnitude_max));
    return {};
}

std::string CustomCodec::text() const { return custom_text(parts_.name, parts_.parameters); }

double CustomCodec::error_bound(float, Extremes) const { return std::numeric_limits<double>::infinity(); }

// Whatever bytes_max answers, a little more than a frame holds is enough to be refused.
size_t CustomCodec::encoded_bytes_max(size_t count) const {
    if (count == 0) return 0;
    return std::min<size_t>(parts_.bytes_max(count), limits::kBulkPayloadBytesMax) + kGuardBytes;
}

Error CustomCodec::broke(const std::string& what) const {
    return fail(Code::E_BROKEN_CONTRACT, fmt::format("codec {}: {}", text(), what));
}

Error CustomCodec::refused(ByteSpan bytes, size_t count) const {
    return fail(Code::E_PROTOCOL,
                fmt::format("codec {} refuses {} bytes as {} elements", text(), bytes.size(), count));
}

Result<size_t> CustomCodec::try_encode(const Values& in, MutableByteSpan out) const {
    const size_t count = in.values.size();
    const size_t most = parts_.bytes_max(count);
    if (most > limits::kBulkPayloadBytesMax || out.size() < most + kGuardBytes)
        return broke(
            fmt::format("bytes_max is {} for {} elements: more than a frame, or than it was", most, count));
    std::vector<float> quotients(in.divisor == 1 ? 0 : count);
    Values plain = in;
    if (in.divisor != 1) {
        const auto to = std::as_writable_bytes(std::span(quotients));
        kernels::encode_floats(Dtype::f32, {in.values, in.divisor, nullptr, 0}, to.data());
        plain.values = quotients;
        plain.divisor = 1;
    }
    const MutableByteSpan guard = out.subspan(most, kGuardBytes);
    std::fill(guard.begin(), guard.end(), kGuardByte);
    const std::optional<size_t> bytes = parts_.encode(plain, out.first(most));
    if (!untouched(guard, kGuardByte))
        return broke(fmt::format("encode of {} elements wrote beyond its {} bytes", count, most));
    if (!bytes) return broke(fmt::format("encode of {} elements failed", count));
    if (*bytes > most)
        return broke(
            fmt::format("encode of {} elements says {} bytes, bytes_max said {}", count, *bytes, most));
    return *bytes;
}

Status CustomCodec::check_length(ByteSpan bytes, size_t count) const {
    const size_t most = count == 0 ? 0 : parts_.bytes_max(count);
    if (bytes.size() <= most) return {};
    return refused(bytes, count);
}

Result<std::vector<float>> CustomCodec::decoded(ByteSpan bytes, size_t count) const {
    if (const Status fits = check_length(bytes, count); !fits.ok()) return fits.error();
    if (count == 0) return std::vector<float>();
    std::vector<float> room(count + kGuardFloats);
    const auto guard = std::span(room).subspan(count);
    std::fill(guard.begin(), guard.end(), kGuardFloat);
    const auto out = std::span(room).first(count);
    const bool good = parts_.decode(bytes, out);
    if (!untouched(guard, kGuardFloat))
        return broke(fmt::format("decode wrote beyond its {} elements", count));
    if (!good) return refused(bytes, count);
    if (const auto at = kernels::first_beyond(out, std::numeric_limits<float>::max()))
        return fail(Code::E_PROTOCOL, fmt::format("element {} of {} is not finite", *at, text()));
    room.resize(count);
    return room;
}

Status CustomCodec::check(ByteSpan bytes, size_t count) const {
    const Result<std::vector<float>> elements = decoded(bytes, count);
    return elements.ok() ? Status{} : Status(elements.error());
}

Status CustomCodec::try_decode(ByteSpan bytes, std::span<float> out) const {
    const Result<std::vector<float>> elements = decoded(bytes, out.size());
    if (!elements.ok()) return elements.error();
    std::copy(elements->begin(), elements->end(), out.begin());
    return {};
}

// By the application's own function, which has to agree with decode: whose fault a refusal is, decode says.
Status CustomCodec::accumulated(ByteSpan bytes, float weight, std::span<float> acc) const {
    const size_t count = acc.size();
    if (const Status fits = check_length(bytes, count); !fits.ok()) return fits;
    std::vector<float> room(acc.begin(), acc.end());
    room.resize(count + kGuardFloats, kGuardFloat);
    const auto sums = std::span(room).first(count);
    const bool good = parts_.accumulate(bytes, weight, sums);
    if (!untouched(std::span(room).subspan(count), kGuardFloat))
        return broke(fmt::format("accumulate wrote beyond its {} elements", count));
    if (!good || kernels::first_beyond(sums, std::numeric_limits<float>::max())) {
        const Result<std::vector<float>> elements = decoded(bytes, count);
        if (!elements.ok()) return elements.error();
        if (!good) return broke(fmt::format("accumulate refuses {} bytes that decode takes", bytes.size()));
        std::copy(acc.begin(), acc.end(), sums.begin());
        kernels::accumulate_floats(Dtype::f32, std::as_bytes(std::span(*elements)).data(), weight, sums);
        if (!kernels::first_beyond(sums, std::numeric_limits<float>::max()))
            return broke("accumulate adds other elements than decode gives");
    }
    std::copy(sums.begin(), sums.end(), acc.begin());
    return {};
}

Status CustomCodec::try_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const {
    if (parts_.accumulate && !acc.empty()) return accumulated(bytes, weight, acc);
    const Result<std::vector<float>> elements = decoded(bytes, acc.size());
    if (!elements.ok()) return elements.error();
    kernels::accumulate_floats(Dtype::f32, std::as_bytes(std::span(*elements)).data(), weight, acc);
    return {};
}

size_t CustomCodec::do_encode(const Values&, std::byte*) const {
    WHIM_ASSERT(!"try_encode stands in its place");
    return 0;
}

void CustomCodec::do_decode(ByteSpan, std::span<float>) const {
    WHIM_ASSERT(!"try_decode stands in its place");
}

void CustomCodec::do_accumulate(ByteSpan, float, std::span<float>) const {
    WHIM_ASSERT(!"try_accumulate stands in its place");
}

}  // namespace whim
