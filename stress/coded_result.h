// What an all-reduce of f32 through a codec must come to: the same bytes everywhere, and as far from the
// exact result as the codec's own errors explain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pattern.h"

namespace stress {

struct CodedResult {
    uint64_t digest = 0;                        // of all bytes of the result; 0 if there is none
    double error_rms = 0, predicted_rms = 0;    // from the exact result; of a sample
    double sent_share = 1, returned_share = 1;  // encoded contributions and results, of their f32's bytes
    bool bundles = false;                       // a result is the contributions together: n times sent_share

    // Within the model's uncertainty: inputs are independent, a codec's errors nearly so.
    bool plausible() const { return error_rms <= 1.5 * predicted_rms; }
};

// result: `count` elements, the fold of gradients (make_gradient()) of weight 1.
//
// Each contribution is encoded once, and so is a dense result. Independent errors add up by their squares, so
// the prediction is made of what one pass of the codec does to each contribution and to the exact result: of
// equal gradients and avg that is one error times sqrt(2 / n), and sqrt(1 / n) where results are bundles.
CodedResult look_at(const std::string& codec, const std::vector<Contribution>& all, Fold fold,
                    std::span<const float> result);

}  // namespace stress
