// The peer's own proof: it makes the inputs of exactly the contributors its op reports, folds them, compares.
#include "kill_peer.h"

#include <xxhash.h>

#include <cstring>
#include <iostream>
#include <vector>

#include "pattern.h"
#include "peer.h"

namespace stress {
namespace {

class Peer {
public:
    explicit Peer(const Options& options)
        : name_(options.text("name", "")), seed_(options.number("seed", 1)),
          element_(options.text("dtype", "f32") == "bf16" ? Element::bf16 : Element::f32),
          fold_(options.text("reduce", "avg") == "sum" ? Fold::sum : Fold::avg),
          count_(options.number("bytes", 0) / element_bytes(element_)), in_(count_ * element_bytes(element_)),
          out_(in_.size()), group_(join(options.text("invite", ""), options.text("security", "tls"), name_)) {
    }

    void begin(uint64_t trial) {
        trial_ = trial;
        whim_round_options options = WHIM_ROUND_OPTIONS_INIT;
        options.state_round = committed_;
        auto op = group_.round_begin(&options);
        op.get(kPatienceMs);
        const auto info = op.round_info();
        round_ = info.round;
        names_.clear();
        for (uint32_t rank = 0; rank < info.world_size; ++rank)
            names_.push_back(op.round_member(WHIM_ROUND_PARTICIPANTS, rank).name);
        make_input(key_of(seed_, name_, trial_), element_, 0, count_, in_.data());
        std::memset(out_.data(), 0xee, out_.size());
        std::cout << "ready " << info.world_size << std::endl;
    }

    void reduce() {
        const float weight = weight_of(key_of(seed_, name_, trial_));
        whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
        options.weight = &weight;
        auto op = group_.all_reduce(in_.data(), out_.data(), count_,
                                    element_ == Element::f32 ? WHIM_F32 : WHIM_BF16,
                                    fold_ == Fold::avg ? WHIM_AVG : WHIM_SUM, &options);
        op.get(kPatienceMs);
        const auto info = op.info();
        std::cout << "reduced " << info.elapsed_ns << ' ' << info.partial_from_gone << ' '
                  << info.chunks_resent << ' ' << info.chunks_refolded << ' ' << info.chunks_adopted << ' '
                  << info.contributor_sets << std::endl;
        const size_t wrong = first_wrong_of(op, info);
        std::cout << "checked " << commit() << ' ' << (wrong == count_ ? "none" : std::to_string(wrong))
                  << std::endl;
    }

private:
    // Over all runs of the report, which must cover every element; count_ when all is right.
    size_t first_wrong_of(const whimbrel::Op& op, const whim_op_info& info) const {
        size_t covered = 0;
        for (uint32_t i = 0; i < info.contributor_runs; ++i) {
            const auto run = op.contributor_run(i);
            if (run.first != covered) return covered;
            const auto* result = out_.data() + run.first * element_bytes(element_);
            const size_t wrong =
                first_wrong(contributions(op, run.set), element_, fold_, run.first, run.count, result);
            covered = run.first + run.count;
            if (wrong != covered) return wrong;
        }
        return covered;
    }

    std::vector<Contribution> contributions(const whimbrel::Op& op, uint32_t set) const {
        std::vector<Contribution> out;
        for (uint32_t i = 0; i < op.contributor_set(set).members; ++i) {
            const uint64_t key = key_of(seed_, names_.at(op.contributor(set, i).rank), trial_);
            out.push_back({key, weight_of(key)});
        }
        return out;
    }

    std::string commit() {
        const XXH128_hash_t hash = XXH3_128bits(out_.data(), out_.size());
        whim_commit_options options = WHIM_COMMIT_OPTIONS_INIT;
        std::memcpy(options.digest, &hash, sizeof options.digest);
        group_.round_commit(&options).get(kPatienceMs);
        committed_ = round_;
        return std::to_string(hash.high64) + "." + std::to_string(hash.low64);
    }

    const std::string name_;
    const uint64_t seed_;
    const Element element_;
    const Fold fold_;
    const size_t count_;
    std::vector<unsigned char> in_, out_;
    whimbrel::Group group_;
    uint64_t trial_ = 0, round_ = 0, committed_ = 0;
    std::vector<std::string> names_;  // by birth rank
};

}  // namespace

int kill_peer_role(const Options& options) {
    Peer peer(options);
    std::cout << "joined" << std::endl;
    std::string order;
    while (std::cin >> order) {
        uint64_t trial = 0;
        if (order == "round" && std::cin >> trial) peer.begin(trial);
        else if (order == "go") peer.reduce();
        else return 1;
    }
    return 0;
}

}  // namespace stress
