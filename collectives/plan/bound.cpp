// Sets come from a spanning tree of the best paths: cutting its worst edges one by one gives the nested
// partitions that matter.
#include "collectives/plan/bound.h"

#include <algorithm>

#include "base/limits.h"
#include "collectives/plan/regions.h"

namespace whim::plan {
namespace {

constexpr double kNever = 1e9;  // seconds

// What goes from set to set at most, bytes per second.
struct Crossings {
    Crossings(const Net& net, const std::vector<uint32_t>& set_of, uint32_t sets) : out(sets), in(sets) {
        const uint32_t n = net.members();
        std::vector<double> sent(n), received(n);
        std::vector<double> senders(sets), receivers(sets);  // lines of the members of each set
        for (uint32_t a = 0; a < n; ++a)
            for (uint32_t b = 0; b < n; ++b) {
                if (set_of[a] == set_of[b] || !net.reach(a, b)) continue;
                const double rate = 1 / net.alone_s(a, b);
                sent[a] += rate;
                received[b] += rate;
            }
        double all_sent = 0, all_received = 0;
        for (uint32_t v = 0; v < n; ++v) {
            sent[v] = std::min(sent[v], 1 / net.up_s(v));
            received[v] = std::min(received[v], 1 / net.down_s(v));
            senders[set_of[v]] += sent[v];
            receivers[set_of[v]] += received[v];
            all_sent += sent[v];
            all_received += received[v];
        }
        for (uint32_t s = 0; s < sets; ++s) {
            out[s] = std::min(senders[s], all_received - receivers[s]);
            in[s] = std::min(receivers[s], all_sent - senders[s]);
            all_out += out[s];
            all_in += in[s];
        }
    }
    std::vector<double> out, in;
    double all_out = 0, all_in = 0;
};

class Search {
public:
    Search(const Net& net, const Work& work) : net_(net), bytes_(static_cast<double>(work.on_wire())) {}

    void partition(const std::vector<uint32_t>& set_of, uint32_t sets) {
        if (sets < 2) return;
        const Crossings crossings(net_, set_of, sets);
        const double delay = least_delay(set_of);
        for (uint32_t s = 0; s < sets; ++s) {
            raise(bytes_ / crossings.out[s] + delay, Bound::Cause::send, set_of, s, 0);
            raise(bytes_ / crossings.in[s] + delay, Bound::Cause::receive, set_of, s, 0);
        }
        const double all = 2.0 * (sets - 1) * bytes_;
        raise(all / crossings.all_out + delay, Bound::Cause::all_send, set_of, 0, sets);
        raise(all / crossings.all_in + delay, Bound::Cause::all_receive, set_of, 0, sets);
    }

    // Everybody's input reaches everybody, over the quickest ways.
    void farthest_pair() {
        const size_t n = net_.members();
        std::vector<double> way(n * n);
        for (uint32_t a = 0; a < n; ++a)
            for (uint32_t b = 0; b < n; ++b)
                way[a * n + b] = a == b ? 0 : net_.reach(a, b) ? net_.delay_s(a, b) : kNever;
        for (size_t via = 0; via < n; ++via)
            for (size_t a = 0; a < n; ++a)
                for (size_t b = 0; b < n; ++b)
                    way[a * n + b] = std::min(way[a * n + b], way[a * n + via] + way[via * n + b]);
        const double farthest = *std::max_element(way.begin(), way.end());
        if (farthest > best_.seconds) best_ = {farthest, Bound::Cause::delay, {}, 0};
    }

    Bound take() { return std::move(best_); }

private:
    double least_delay(const std::vector<uint32_t>& set_of) const {
        double least = kNever;
        for (uint32_t a = 0; a < net_.members(); ++a)
            for (uint32_t b = a + 1; b < net_.members(); ++b)
                if (set_of[a] != set_of[b]) least = std::min(least, net_.delay_s(a, b));
        return least;
    }

    void raise(double seconds, Bound::Cause cause, const std::vector<uint32_t>& set_of, uint32_t set,
               uint32_t sets) {
        if (seconds <= best_.seconds) return;
        best_ = {seconds, cause, {}, sets};
        if (sets != 0) return;
        for (uint32_t v = 0; v < set_of.size(); ++v)
            if (set_of[v] == set) best_.set.push_back(static_cast<Member>(v));
    }

    const Net& net_;
    const double bytes_;
    Bound best_;
};

}  // namespace

Bound slowest_cut(const Net& net, const Work& work) {
    Search search(net, work);
    const uint32_t n = net.members();
    if (n < 2) return {};
    std::vector<uint32_t> single(n);
    for (uint32_t v = 0; v < n; ++v) single[v] = v;
    search.partition(single, n);
    const Regions regions = find_regions(net);
    search.partition(regions.of, regions.count);
    if (n > limits::kPlanPackMembersMax) return search.take();
    search.farthest_pair();
    if (!net.pairs_matter()) return search.take();
    const Tree tree = spanning_tree(n, [&](uint32_t a, uint32_t b) {
        return net.reach(a, b) ? std::max(net.pair_s(a, b), net.pair_s(b, a)) : kNever;
    });
    double last = 0;
    for (const Tree::Edge& edge : tree.edges) {
        if (edge.cost <= last) continue;
        last = edge.cost;
        const Regions parts = without_edges_from(tree, n, edge.cost);
        search.partition(parts.of, parts.count);
    }
    return search.take();
}

}  // namespace whim::plan
