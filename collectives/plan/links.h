// What is known about the links of a flock, as the planner takes it: a round trip and a rate for each
// directed pair, the rates of each member's access line, pairs that cannot talk. 0 is "not known".
//
// `Links` is the measurements; `Net` looks at them and fills each gap with a stated default, so that planning
// itself never asks whether something is known. All arithmetic is integers and IEEE +, -, *, / in one order:
// peers with equal Links see equal Nets, whatever machine they run on.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace whim::plan {

class Links {
public:
    struct Member {
        uint64_t up = 0, down = 0;  // bytes per second of its access line, over all links together
        uint32_t region = 0;        // as the user named it; 0: not named
        bool operator==(const Member&) const = default;
    };
    struct Pair {           // what one end measured towards the other
        uint64_t rate = 0;  // bytes per second that the path takes by itself
        uint32_t rtt_us = 0;
        bool cut = false;  // no connection; a pair that is cut in one direction is not used in either
        bool operator==(const Pair&) const = default;
    };

    explicit Links(uint32_t members);  // 1 to limits::kMembersMax
    uint32_t members() const { return static_cast<uint32_t>(lines_.size()); }
    Member& member(uint32_t rank) { return lines_[rank]; }
    const Member& member(uint32_t rank) const { return lines_[rank]; }
    Pair& pair(uint32_t from, uint32_t to) { return pairs_[from * lines_.size() + to]; }
    const Pair& pair(uint32_t from, uint32_t to) const { return pairs_[from * lines_.size() + to]; }
    bool operator==(const Links&) const = default;

private:
    std::vector<Member> lines_;
    std::vector<Pair> pairs_;
};

// Defaults, in this order:
//   a line's rate: the best rate measured from (to) that member; the mean of the lines that are known;
//                  limits::kPlanRateDefault
//   a round trip:  that of the other direction; the mean of those that are known; limits::kPlanRttUsDefault
//   a pair's rate: bounded by the two lines alone
// The Links must outlive it.
class Net {
public:
    explicit Net(const Links& links);
    uint32_t members() const { return links_.members(); }
    const Links& links() const { return links_; }

    double up_s(uint32_t rank) const { return up_s_[rank]; }      // seconds to send one byte
    double down_s(uint32_t rank) const { return down_s_[rank]; }  // to receive one
    // Seconds that the path takes for one byte; 0 when the lines at its ends bound it anyway.
    double pair_s(uint32_t from, uint32_t to) const {
        const uint64_t rate = links_.pair(from, to).rate;
        if (rate == 0) return 0;
        const double s = 1.0 / static_cast<double>(rate);
        return s <= up_s_[from] || s <= down_s_[to] ? 0 : s;
    }
    // Seconds for one byte when nothing else is under way.
    double alone_s(uint32_t from, uint32_t to) const;
    double rtt_s(uint32_t a, uint32_t b) const {
        uint32_t us = links_.pair(a, b).rtt_us;
        if (us == 0) us = links_.pair(b, a).rtt_us;
        return static_cast<double>(us == 0 ? rtt_us_unknown_ : us) * 1e-6;
    }
    double delay_s(uint32_t from, uint32_t to) const { return rtt_s(from, to) * 0.5; }
    bool reach(uint32_t a, uint32_t b) const { return !links_.pair(a, b).cut && !links_.pair(b, a).cut; }
    // Whether some pair can be slower than the lines at its ends, and whether some pair is cut.
    bool pairs_matter() const { return pairs_matter_; }
    bool any_cut() const { return !cuts_.empty(); }
    const std::vector<std::pair<uint32_t, uint32_t>>& cuts() const { return cuts_; }  // a < b, ascending

private:
    const Links& links_;
    std::vector<double> up_s_, down_s_;
    uint32_t rtt_us_unknown_ = 0;
    bool pairs_matter_ = false;
    std::vector<std::pair<uint32_t, uint32_t>> cuts_;
};

}  // namespace whim::plan
