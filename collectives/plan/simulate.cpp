// Events are pieces that have left and pieces that have arrived; rates are found anew when pairs fall idle or
// wake.
#include "collectives/plan/simulate.h"

#include <algorithm>
#include <map>
#include <queue>
#include <tuple>

#include "base/assert.h"
#include "collectives/plan/cost.h"
#include "collectives/plan/fair_shares.h"

namespace whim::plan {
namespace {

struct Piece {
    uint32_t index = 0;  // in its part
    Phase phase = Phase::reduce;
    uint32_t part = 0;
    Member from = 0, to = 0;  // of the tree's edge, of which a relayed pair carries a leg

    friend bool operator<(const Piece& a, const Piece& b) {
        return std::tie(a.index, a.phase, a.part, a.from, a.to) <
               std::tie(b.index, b.phase, b.part, b.from, b.to);
    }
    friend bool operator>(const Piece& a, const Piece& b) { return b < a; }
};

// What one member still sends to another.
struct Way {
    Flow flow;
    double delay = 0;
    std::priority_queue<Piece, std::vector<Piece>, std::greater<>> ready;
    bool sends = false;
    Piece piece;       // under way
    double left = 0;   // bytes of it
    double slack = 0;  // so few are none
};

struct Arrival {
    double at = 0;
    uint64_t order = 0;  // of departure
    Piece piece;
    Member where = 0;
    friend bool operator>(const Arrival& a, const Arrival& b) {
        return std::tie(a.at, a.order) > std::tie(b.at, b.order);
    }
};

// One part's trees and how far each member is.
struct Course {
    std::vector<Member> up;                            // parents in the reduce tree
    std::vector<std::vector<Member>> inputs, outputs;  // children in either tree
    std::vector<uint32_t> come;                        // pieces of this child that its parent has
    std::vector<uint32_t> folded;  // pieces that have been passed on, or are results at the root
    uint32_t pieces = 1;
    double piece_bytes = 0;
};

class Simulation {
public:
    Simulation(const Plan& plan, const Net& net, const Work& work, const SimulateOptions& options)
        : plan_(plan), net_(net), n_(plan.members), shares_(net) {
        for (const Part& part : plan.parts) lay_out(part, work, options);
    }

    double run() {
        for (uint32_t p = 0; p < courses_.size(); ++p)
            for (uint32_t v = 0; v < n_; ++v) fold(p, static_cast<Member>(v));
        while (true) {
            start_idle();
            if (active_.empty() && arrivals_.empty()) return now_;
            const double next = next_event();
            for (Way* way : active_) way->left -= way->flow.rate * (next - now_);
            now_ = next;
            finish_sent();
            while (!arrivals_.empty() && arrivals_.top().at <= now_) {
                const Arrival arrival = arrivals_.top();
                arrivals_.pop();
                arrive(arrival);
            }
        }
    }

private:
    void lay_out(const Part& part, const Work& work, const SimulateOptions& options) {
        Course course;
        course.inputs.resize(n_), course.outputs.resize(n_);
        course.come.resize(n_), course.folded.resize(n_);
        course.up.assign(n_, part.root);
        for_each_edge(plan_, part, [&](Phase phase, Member from, Member to) {
            if (phase == Phase::broadcast) return course.outputs[from].push_back(to);
            course.inputs[to].push_back(from);
            course.up[from] = to;
        });
        const double bytes = static_cast<double>(work.on_wire()) * part.share / kShares;
        course.pieces = std::min(pieces_of(part, work), options.pieces_max);
        course.piece_bytes = bytes / course.pieces;
        courses_.push_back(std::move(course));
    }

    Way& way(Member from, Member to) {
        const auto [at, is_new] = ways_.try_emplace({from, to});
        if (is_new) {
            at->second.flow = {from, to, 1 / net_.alone_s(from, to), 0};
            at->second.delay = net_.delay_s(from, to);
        }
        return at->second;
    }

    // From `where`, which is the piece's sender or its relay.
    void send(const Piece& piece, Member where) {
        const Relay* relay = plan_.relays.empty() ? nullptr : relay_of(plan_, piece.from, piece.to);
        Way& to = way(where, relay != nullptr && where == piece.from ? relay->via : piece.to);
        to.ready.push(piece);
        if (!to.sends) woken_.push_back(&to);
    }

    // Passes on what a member has from all its children.
    void fold(uint32_t p, Member v) {
        Course& course = courses_[p];
        uint32_t ready = course.pieces;
        for (const Member child : course.inputs[v]) ready = std::min(ready, course.come[child]);
        for (uint32_t& i = course.folded[v]; i < ready; ++i) {
            if (course.up[v] == v) hand_out(p, v, i);
            else send({i, Phase::reduce, p, v, course.up[v]}, v);
        }
    }

    void hand_out(uint32_t p, Member v, uint32_t index) {
        for (const Member child : courses_[p].outputs[v]) send({index, Phase::broadcast, p, v, child}, v);
    }

    void arrive(const Arrival& arrival) {
        const Piece& piece = arrival.piece;
        if (arrival.where != piece.to) return send(piece, arrival.where);
        if (piece.phase == Phase::broadcast) return hand_out(piece.part, piece.to, piece.index);
        ++courses_[piece.part].come[piece.from];
        fold(piece.part, piece.to);
    }

    void load(Way& way) {
        way.piece = way.ready.top();
        way.ready.pop();
        way.left = courses_[way.piece.part].piece_bytes;
        way.slack = way.left * 1e-3;
    }

    void start_idle() {
        for (Way* way : woken_) {
            if (way->sends) continue;
            way->sends = true;
            load(*way);
            active_.push_back(way);
            changed_ = true;
        }
        woken_.clear();
        if (!changed_ || active_.empty()) return;
        flows_.clear();
        for (Way* way : active_) flows_.push_back(&way->flow);
        shares_.assign(flows_);
        changed_ = false;
    }

    double next_event() const {
        double next = arrivals_.empty() ? -1 : arrivals_.top().at;
        for (const Way* way : active_) {
            const double done = now_ + std::max(way->left, 0.0) / way->flow.rate;
            if (next < 0 || done < next) next = done;
        }
        return next;
    }

    void finish_sent() {
        const auto done = [&](Way* way) {
            // What takes less than time can tell apart is done too.
            if (way->left > way->slack && now_ + way->left / way->flow.rate > now_) return false;
            const Member where = static_cast<Member>(way->flow.to);
            arrivals_.push({now_ + way->delay, ++departures_, way->piece, where});
            if (!way->ready.empty()) {
                load(*way);
                return false;
            }
            way->sends = false;
            changed_ = true;
            return true;
        };
        active_.erase(std::remove_if(active_.begin(), active_.end(), done), active_.end());
    }

    const Plan& plan_;
    const Net& net_;
    const uint32_t n_;
    FairShares shares_;
    std::vector<Course> courses_;
    std::map<std::pair<Member, Member>, Way> ways_;
    std::vector<Way*> active_, woken_;
    std::vector<Flow*> flows_;
    std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> arrivals_;
    uint64_t departures_ = 0;
    double now_ = 0;
    bool changed_ = false;
};

}  // namespace

double simulate(const Plan& plan, const Net& net, const Work& work, const SimulateOptions& options) {
    WHIM_ASSERT(plan.members == net.members());
    if (plan.members < 2) return 0;
    return Simulation(plan, net, work, options).run();
}

}  // namespace whim::plan
