// ErrorFeedback: what a lossy codec left out is added to what is sent next.
//
//   feedback.add_to(update, input);               // input = beta * residual + update
//   codec.encode({.values = input}, bytes);       // sent; sent = the codec's decoding of these bytes
//   feedback.stage(input, sent);                  // the next residual is input - sent
//   feedback.commit();   // when the round's commit says that this contribution counted
//   feedback.drop();     // when it did not: the residual is as before the round
//
// With beta 1 nothing is ever lost: the sum of all that was sent, plus the residual, is the sum of all
// updates. A beta below 1 forgets. The residual is private to a peer, f32, and zero at the start and after a
// loss (forget()). Elements that were not staged in a round keep their residual. Do not combine with
// stochastic rounding.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace whim {

class ErrorFeedback {
public:
    // elements of the tensor; 0 <= beta <= 1.
    explicit ErrorFeedback(size_t elements, float beta = 1);

    // Of the elements from at on. out may be update's memory.
    void add_to(std::span<const float> update, std::span<float> out, size_t at = 0) const;

    // Of the elements from at on; what was staged before for the same elements is replaced. input may be
    // anything of which sent is the decoding; both finite.
    void stage(std::span<const float> input, std::span<const float> sent, size_t at = 0);

    void commit();
    void drop();
    void forget();                                  // the residual, and what is staged
    void restore(std::span<const float> residual);  // one for each element; forgets what is staged

    bool staged() const { return !ranges_.empty(); }
    std::span<const float> residual() const { return residual_; }

private:
    struct Range {
        size_t at, count;
    };
    const float beta_;
    std::vector<float> residual_;
    std::vector<float> next_;  // staged; only ranges_ of it count
    std::vector<Range> ranges_;
};

}  // namespace whim
