// The peer's own proof: it makes the inputs of exactly the contributors its op reports, folds them, compares.
#include "round_peer.h"

#include <xxhash.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "link_watch.h"
#include "pattern.h"
#include "peer.h"
#include "statistics.h"

namespace stress {
namespace {

constexpr uint32_t kLookMs = 200;

std::string hex(const uint8_t (&digest)[WHIM_DIGEST_SIZE]) {
    std::string out;
    for (const uint8_t byte : digest) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", byte);
        out += two;
    }
    return out;
}

class Peer {
public:
    explicit Peer(const Options& options)
        : name_(options.text("name", "")), seed_(options.number("seed", 1)),
          element_(options.text("dtype", "f32") == "bf16" ? Element::bf16 : Element::f32),
          fold_(options.text("reduce", "avg") == "sum" ? Fold::sum : Fold::avg),
          count_(options.number("bytes", 0) / element_bytes(element_)), in_(count_ * element_bytes(element_)),
          out_(in_.size()), group_(join(options.text("invite", ""), options.text("security", "tls"), name_,
                                        options.text("listen", "127.0.0.1:0"))) {}

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
        std::cout << "ready " << info.world_size << ' ' << round_ << std::endl;
    }

    void start() {
        const float weight = weight_of(key_of(seed_, name_, trial_));
        whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
        options.weight = &weight;
        paused_.clear();
        if (is_watching_) watch_.emplace(group_);
        op_.emplace(group_.all_reduce(in_.data(), out_.data(), count_,
                                      element_ == Element::f32 ? WHIM_F32 : WHIM_BF16,
                                      fold_ == Fold::avg ? WHIM_AVG : WHIM_SUM, &options));
    }

    void look() {
        const whim_result result = whim_op_wait(op_->handle(), kLookMs);
        while (const auto event = group_.next_event())
            if (event->kind == WHIM_EVENT_OP_PAUSED) paused_ = event->text;
        if (result == WHIM_OK) std::cout << "done" << std::endl;
        else
            std::cout << "running " << whim_result_name(result) << '\t' << paused_ << '\t'
                      << waiting_for(*op_) << std::endl;
    }

    void finish() {
        const char* call = "all_reduce";
        try {
            op_->get(kPatienceMs);
            note_round_trips();
            const auto at = std::chrono::steady_clock::now().time_since_epoch();
            say_reduced(std::chrono::nanoseconds(at).count());
            const size_t wrong = first_wrong_of(*op_, op_->info());
            call = "round_commit";
            const Digest digest = digest_of_result();
            const bool in_time = commit(digest);
            std::cout << (in_time ? "checked " : "late ") << hex(digest.bytes) << ' '
                      << (wrong == count_ ? "none" : std::to_string(wrong)) << std::endl;
        } catch (const whimbrel::Error& error) {
            std::cout << "ended " << call << ' ' << error.what() << std::endl;
            if (error.result() != WHIM_E_EVICTED) return;
            group_.join().get(kPatienceMs);
            std::cout << "joined" << std::endl;
        }
    }

    void ask(uint64_t round) {
        const whimbrel::Op op = record_op(round);
        const whim_result result = whim_op_wait(op.handle(), kLookMs);
        std::cout << "asked " << whim_result_name(result) << '\t' << waiting_for(op) << std::endl;
    }

    void record(uint64_t round) {
        whimbrel::Op op = record_op(round);
        op.get(kPatienceMs);
        whim_record_info info = WHIM_RECORD_INFO_INIT;
        whimbrel::check(whim_record_get_info(op.handle(), &info));
        std::string votes;
        for (uint32_t i = 0; i < info.votes; ++i) {
            whim_record_vote vote = WHIM_RECORD_VOTE_INIT;
            whimbrel::check(whim_record_get_vote(op.handle(), i, &vote));
            votes += vote.id + std::to_string(vote.incarnation) + " " + std::to_string(vote.samples) + " ";
            votes.append(static_cast<const char*>(vote.bytes), vote.bytes_len);
        }
        std::cout << "record " << hex(info.digest) << ' ' << info.participants << ' ' << info.votes << ' '
                  << XXH3_64bits(votes.data(), votes.size()) << std::endl;
    }

    void watch() {
        is_watching_ = true;
        round_trips_ms_.clear();
    }

    void watched() {
        is_watching_ = false;
        if (round_trips_ms_.empty()) throw std::runtime_error("no link had a round trip while an op ran");
        std::cout << "watched " << quantile(round_trips_ms_, 0.99) << ' ' << quantile(round_trips_ms_, 1)
                  << std::endl;
    }

private:
    static std::string waiting_for(const whimbrel::Op& op) {
        char text[WHIM_TEXT_MAX] = "";
        whimbrel::check(whim_op_waiting_for(op.handle(), text, sizeof text));
        return text;
    }

    void note_round_trips() {
        if (!watch_) return;
        const std::vector<double> seen = watch_->round_trips_ms();
        round_trips_ms_.insert(round_trips_ms_.end(), seen.begin(), seen.end());
        watch_.reset();
    }

    whimbrel::Op record_op(uint64_t round) {
        whim_op* op = nullptr;
        whimbrel::check(whim_round_record(group_.handle(), round, &op));
        return whimbrel::Op(op);
    }

    void say_reduced(int64_t at_ns) {
        const auto info = op_->info();
        std::map<std::string, uint64_t> elements;
        for (uint32_t i = 0; i < info.contributor_runs; ++i) {
            const auto run = op_->contributor_run(i);
            for (uint32_t c = 0; c < op_->contributor_set(run.set).members; ++c)
                elements[names_.at(op_->contributor(run.set, c).rank)] += run.count;
        }
        std::cout << "reduced " << at_ns << ' ' << info.elapsed_ns << ' ' << info.gone_members << ' '
                  << info.partial_from_gone << ' ' << info.chunks_resent << ' ' << info.chunks_refolded << ' '
                  << info.chunks_adopted << ' ' << info.contributor_sets;
        for (const auto& [name, count] : elements) std::cout << ' ' << name << '=' << count;
        std::cout << std::endl;
    }

    // Over all runs of the report, which must cover every element; count_ when all is right.
    size_t first_wrong_of(const whimbrel::Op& op, const whim_op_info& info) const {
        size_t covered = 0;
        // A plan with trees folds in its own order; it is of f32 alone.
        const bool trees = info.plan && std::string_view(info.plan) != "direct";
        for (uint32_t i = 0; i < info.contributor_runs; ++i) {
            const auto run = op.contributor_run(i);
            if (run.first != covered) return covered;
            const auto* result = out_.data() + run.first * element_bytes(element_);
            const std::vector<Contribution> made_of = contributions(op, run.set);
            const size_t wrong = trees ? first_far(made_of, fold_, run.first, run.count,
                                                   reinterpret_cast<const float*>(result))
                                       : first_wrong(made_of, element_, fold_, run.first, run.count, result);
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

    struct Digest {
        uint8_t bytes[WHIM_DIGEST_SIZE];
    };
    Digest digest_of_result() const {
        const XXH128_hash_t hash = XXH3_128bits(out_.data(), out_.size());
        Digest digest;
        std::memcpy(digest.bytes, &hash, sizeof digest.bytes);
        return digest;
    }

    // false: the round was committed without this peer, whose vote came too late.
    bool commit(const Digest& digest) {
        whim_commit_options options = WHIM_COMMIT_OPTIONS_INIT;
        std::memcpy(options.digest, digest.bytes, sizeof options.digest);
        const std::string bytes = name_ + " in trial " + std::to_string(trial_);
        options.bytes = bytes.data();
        options.bytes_len = static_cast<uint32_t>(bytes.size());
        options.samples = count_;
        try {
            group_.round_commit(&options).get(kPatienceMs);
        } catch (const whimbrel::Error& error) {
            if (error.result() == WHIM_E_EXCLUDED) return false;
            throw;
        }
        committed_ = round_;
        return true;
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
    std::optional<whimbrel::Op> op_;
    std::string paused_;
    bool is_watching_ = false;
    std::optional<LinkWatch> watch_;  // while an op is open
    std::vector<double> round_trips_ms_;
};

}  // namespace

int round_peer_role(const Options& options) {
    Peer peer(options);
    std::cout << "joined" << std::endl;
    std::string order;
    while (std::cin >> order) {
        uint64_t number = 0;
        if (order == "round" && std::cin >> number) peer.begin(number);
        else if (order == "go") peer.start(), peer.finish();
        else if (order == "start") peer.start(), std::cout << "started" << std::endl;
        else if (order == "look") peer.look();
        else if (order == "finish") peer.finish();
        else if (order == "ask" && std::cin >> number) peer.ask(number);
        else if (order == "record" && std::cin >> number) peer.record(number);
        else if (order == "watch") peer.watch();
        else if (order == "watched") peer.watched();
        else return 1;
    }
    return 0;
}

}  // namespace stress
