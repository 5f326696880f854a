// DBW, the dynamic number of backup workers (Xu, Neglia, Sebastianelli, arXiv 2004.14696): how many
// contributions the next op should wait for, so that the training loss falls fastest in time.
//
// With k of n contributions a step of size eta lowers the loss by about
//   gain(k) = (eta - L eta^2/2) G2 - (L eta^2/2) V/k
//   V    variance of one contribution (gradient or pseudo-gradient), summed over its elements
//   G2   squared norm of the true gradient: max(|mean|^2 - V/k, 0) of an op with k contributions
//   L    smoothness: 2 (F_next - F + eta G2) / (eta^2 (G2 + V/k)), from how the loss moved, kept above 2^-20
// and takes time(k), the mean time of the k'th arrival. V, G2, L and the times are means over the last ops:
// the newest counts 1/window, and each of the others so much less than the next. The choice is the k of the
// largest gain(k) / time(k); it moves only for a rate that is better by a tenth, so that near ties do not
// flap. It is n when no k promises a gain; after an op that raised the loss it is no lower than the one
// before plus 1.
//
// All in f64 without functions of libm: the same observations in the same order give the same choice on every
// machine. All members of an op need one min_contributors, so all observe the same numbers: each makes a list
// of what it saw (to_agree), an all-reduce averages these, and what comes out is one step (from_agreed).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"

namespace whim::op {

// What an op showed. Numbers are finite.
struct StepSeen {
    std::vector<Duration> arrivals;  // since the op began, ascending; at most one for each member
    Duration closed{};               // when waiting ended: whoever is not in arrivals came later
    uint32_t contributors = 0;       // whose mean the result is
    double mean_norm2 = 0;           // squared norm of the result
    double variance = 0;             // of the contributors, see sample_variance
    double loss = 0;                 // before the step
};

// From sums that cost one pass: the variance of k >= 2 contributions with these squared norms in all, and
// that of their mean; 0 for fewer.
double sample_variance(double norms2_sum, double mean_norm2, uint32_t k);

// What one member saw of an op. Contributions arrive at roots, so each root knows those to its own chunks.
struct MemberSaw {
    bool roots = false;                   // the two that follow are known
    std::vector<Duration> arrivals = {};  // as in StepSeen
    Duration closed{};
    bool contributed = false;
    double own_norm2 = 0;     // squared norm of what it contributed
    double contributors = 0;  // whose mean the result is; a mean over its parts where they differ
    double mean_norm2 = 0;
    double loss = 0;
};

// The list that is averaged: agreed_len numbers, all finite when those in saw are.
size_t agreed_len(uint32_t members);
std::vector<double> to_agree(const MemberSaw& saw, uint32_t members);

// The step that the mean of such lists stands for. The k'th arrival is the mean over those roots that saw
// one, where at least half of them did; the variance is that of contributions whose mean squared norm is
// known,
//   V = k/(k-1) * (mean |x|^2 - |mean|^2).
// nullopt: no mean of lists that to_agree made.
std::optional<StepSeen> from_agreed(std::span<const double> mean, uint32_t members);

class BackupWorkers {
public:
    static constexpr uint32_t kWindowDefault = 5;

    // min_contributors_min: never propose less; 1 <= it <= members. eta: step size of the outer optimiser, >
    // 0. window: at least 1.
    BackupWorkers(uint32_t members, uint32_t min_contributors_min, double eta,
                  uint32_t window = kWindowDefault);

    void observe(const StepSeen& seen);

    // There are so many members now, at least 1. What is known of gradients stays; of times what is known of
    // as many arrivals. Whoever waited for all does so again.
    void resize(uint32_t members);
    uint32_t members() const { return members_; }

    // For the next op. All members until the first gain is known, which takes the losses of two ops.
    uint32_t min_contributors() const { return choice_; }

    double gain(uint32_t k) const;    // 1 <= k <= members
    Duration time(uint32_t k) const;  // mean of the k'th arrival; never falls in k
    double smoothness() const;        // L

private:
    // Mean of what was seen.
    struct Recent {
        double value = 0;
        bool known = false;
        void see(double sample, double share);
    };

    void see(Recent& recent, double sample) { recent.see(sample, new_share_); }
    void see_times(const StepSeen& seen);
    void see_smoothness(double loss);
    uint32_t best() const;
    double rate(uint32_t k) const;

    uint32_t least() const { return std::min(least_, members_); }

    uint32_t members_;
    const uint32_t least_;
    const double eta_, new_share_;
    Recent variance_, gradient2_, smoothness_;
    std::vector<Recent> times_ns_;  // of the k'th arrival, k - 1
    StepSeen before_;               // the op before, whose effect the next loss shows
    double gradient2_before_ = 0;
    uint32_t choice_;
};

}  // namespace whim::op
