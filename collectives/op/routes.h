// A plan with trees as one member of an op sees it: from whom it takes partial sums, to whom it passes them
// on, from whom results come and to whom they go. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "collectives/plan/layout.h"
#include "collectives/plan/plan.h"

namespace whim::op {

// Of the chunks of one part.
struct Route {
    uint32_t root = 0;
    uint32_t up = 0;                // what is folded here goes to it; at the root itself
    uint32_t down_from = 0;         // results come from it; at the root itself
    std::vector<uint32_t> senders;  // what they folded comes here; ascending
    std::vector<uint32_t> down_to;  // results go on to them; ascending
    bool operator==(const Route&) const = default;
};

// The parts of the buffer, each of which begins a chunk of its own. Asserted: plan has parts.
ChunkLayout layout_of(const plan::Plan& plan, uint64_t elements, uint32_t element_bytes,
                      uint32_t chunk_elements);

class Routes {
public:
    // layout: layout_of() the plan; it passes plan::check().
    Routes(std::shared_ptr<const plan::Plan> plan, uint32_t self, const ChunkLayout& layout);

    const Route& of(uint32_t chunk) const { return routes_[part_[chunk]]; }
    uint32_t root(uint32_t chunk) const { return of(chunk).root; }
    bool leaf(uint32_t chunk) const { return of(chunk).senders.empty() && of(chunk).root != self_; }

    // Chunks in the order in which everybody sends them: those that are earliest in their part first. One
    // order for all members and lists, so that windows cannot deadlock.
    using Lists = std::map<uint32_t, std::vector<uint32_t>>;
    const Lists& to() const { return to_; }                             // by whom this member passes them to
    const Lists& by() const { return by_; }                             // by who passes them to this member
    uint32_t fan_in(uint32_t member) const { return fan_in_[member]; }  // how many pass something to it
    uint32_t place(uint32_t chunk) const { return place_[chunk]; }      // in the list of to(); not of roots

    // Whether everything in the set goes to this member by way of the sender, in trees of the chunk's part.
    bool passes(uint32_t chunk, uint32_t sender, const std::vector<bool>& set) const;

private:
    std::shared_ptr<const plan::Plan> plan_;
    uint32_t self_;
    std::vector<Route> routes_;                       // by part
    std::vector<std::vector<plan::Member>> parents_;  // of reduce trees, by part
    std::vector<uint32_t> part_;                      // by chunk
    std::vector<uint32_t> place_, fan_in_;
    Lists to_, by_;
};

}  // namespace whim::op
