// The codec here is the library's; the exact result is not.
#include "coded_result.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "collectives/codec/parse.h"

namespace stress {
namespace {

constexpr size_t kWindow = 1 << 16;  // elements that are looked at together: whole blocks of every codec
constexpr size_t kWindows = 32;      // of them at most, spread over the result

struct Sums {
    double of_contributions = 0, of_results = 0, of_errors = 0;  // squares
    double sent = 0, returned = 0, raw = 0;                      // bytes
};

// Encodes and decodes: the square of what that changes, and the bytes.
std::pair<double, size_t> pass(const whim::Codec& codec, const std::vector<float>& values) {
    std::vector<std::byte> bytes(codec.encoded_bytes_max(values.size()));
    const auto size = codec.encode({.values = values}, bytes);
    std::vector<float> back(values.size());
    if (!size.ok() || !codec.decode(whim::ByteSpan(bytes).first(*size), back).ok())
        throw std::runtime_error("the codec refuses a gradient");
    double squares = 0;
    for (size_t i = 0; i < values.size(); ++i)
        squares += (double{back[i]} - values[i]) * (double{back[i]} - values[i]);
    return {squares, *size};
}

void look_at_window(const whim::Codec& codec, const std::vector<Contribution>& all, Fold fold, size_t first,
                    std::span<const float> result, Sums& sums) {
    const double scale = fold == Fold::avg ? 1.0 / static_cast<double>(all.size()) : 1.0;
    std::vector<double> exact(result.size());
    std::vector<float> one(result.size());
    for (const Contribution& contribution : all) {
        make_gradient(contribution.key, first, one.size(), one.data());
        for (size_t i = 0; i < one.size(); ++i) exact[i] += scale * one[i];
        const auto [squares, bytes] = pass(codec, one);
        sums.of_contributions += scale * scale * squares;
        sums.sent += static_cast<double>(bytes) / static_cast<double>(all.size());
    }
    std::transform(exact.begin(), exact.end(), one.begin(), [](double x) { return static_cast<float>(x); });
    const auto [squares, bytes] = pass(codec, one);
    sums.of_results += squares;
    sums.returned += static_cast<double>(bytes);
    sums.raw += static_cast<double>(sizeof(float) * result.size());
    for (size_t i = 0; i < result.size(); ++i)
        sums.of_errors += (result[i] - exact[i]) * (result[i] - exact[i]);
}

}  // namespace

CodedResult look_at(const std::string& codec_text, const std::vector<Contribution>& all, Fold fold,
                    std::span<const float> result) {
    const auto codec = whim::parse_codec(codec_text);
    if (!codec.ok()) throw std::runtime_error(codec.error().detail);
    CodedResult found;
    found.digest = XXH3_64bits(result.data(), result.size() * sizeof(float));
    found.bundles = (*codec)->sparse();
    const size_t windows = (result.size() + kWindow - 1) / kWindow;
    const size_t step = (windows + kWindows - 1) / kWindows;
    Sums sums;
    for (size_t window = 0; window < windows; window += step) {
        const size_t first = window * kWindow, count = std::min(kWindow, result.size() - first);
        look_at_window(**codec, all, fold, first, result.subspan(first, count), sums);
    }
    const double elements = sums.raw / sizeof(float);
    const double predicted = sums.of_contributions + (found.bundles ? 0 : sums.of_results);
    found.error_rms = std::sqrt(sums.of_errors / elements);
    found.predicted_rms = std::sqrt(predicted / elements);
    found.sent_share = sums.sent / sums.raw;
    found.returned_share =
        found.bundles ? found.sent_share * static_cast<double>(all.size()) : sums.returned / sums.raw;
    return found;
}

}  // namespace stress
