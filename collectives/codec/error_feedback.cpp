// The residual, and the one that the next commit makes it.
#include "collectives/codec/error_feedback.h"

#include <algorithm>

#include "base/assert.h"
#include "collectives/kernels/feedback.h"
#include "collectives/kernels/outer_step.h"

namespace whim {

ErrorFeedback::ErrorFeedback(size_t elements, float beta)
    : beta_(beta), residual_(elements), next_(elements) {
    WHIM_ASSERT(beta >= 0 && beta <= 1);
}

void ErrorFeedback::add_to(std::span<const float> update, std::span<float> out, size_t at) const {
    WHIM_ASSERT(at <= residual_.size() && update.size() <= residual_.size() - at);
    kernels::add_residual(beta_, std::span(residual_).subspan(at, update.size()), update, out);
}

void ErrorFeedback::stage(std::span<const float> input, std::span<const float> sent, size_t at) {
    WHIM_ASSERT(at <= next_.size() && input.size() <= next_.size() - at);
    if (input.empty()) return;
    kernels::subtract(input, sent, std::span(next_).subspan(at, input.size()));
    const auto same = [&](const Range& r) { return r.at == at && r.count == input.size(); };
    if (std::none_of(ranges_.begin(), ranges_.end(), same)) ranges_.push_back({at, input.size()});
}

void ErrorFeedback::commit() {
    for (const Range& range : ranges_) {
        const auto from = next_.begin() + static_cast<std::ptrdiff_t>(range.at);
        std::copy_n(from, range.count, residual_.begin() + static_cast<std::ptrdiff_t>(range.at));
    }
    drop();
}

void ErrorFeedback::drop() { ranges_.clear(); }

void ErrorFeedback::forget() {
    drop();
    std::fill(residual_.begin(), residual_.end(), 0.0f);
}

void ErrorFeedback::restore(std::span<const float> residual) {
    WHIM_ASSERT(residual.size() == residual_.size());
    drop();
    std::copy(residual.begin(), residual.end(), residual_.begin());
}

}  // namespace whim
