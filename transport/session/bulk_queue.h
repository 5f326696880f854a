// Bulk frames that wait for a strand of one link, by flow (an op): the highest priority first; flows of equal
// priority share the link by their weights, in bytes; frames of one flow in order. Of a frame that was begun,
// what is left.
//
// Start-time fair queueing (Goyal, Vin, Cheng 1996): each flow has a clock that advances by bytes / share as
// its frames leave, the flow whose clock is lowest is next, and one that was empty begins at the clock of the
// frame that left last, so that it gets its share from now on and not what it did not use before.
#pragma once

#include <algorithm>
#include <deque>
#include <map>

#include "base/assert.h"
#include "transport/session/out_frame.h"

namespace whim {

class BulkQueue {
public:
    bool empty() const { return size_ == 0; }
    size_t size() const { return size_; }
    uint64_t bytes() const { return bytes_; }  // of payloads

    void push(BulkFrame frame) {
        OutPart part = OutPart::whole(std::make_shared<OutFrame>(std::move(frame)));
        flow_of(part).parts.push_back(std::move(part));
    }
    // What has to be sent again goes before the others of its flow. Parts of one frame that lie together are
    // one again: over many strands at once, many frames would be begun and none of them end.
    void push_front(OutPart part) {
        Flow& flow = flow_of(part);
        OutPart* const next = flow.parts.empty() ? nullptr : &flow.parts.front();
        const bool joins = next && next->of == part.of && !next->gives_up() && !part.gives_up() &&
                           part.offset + part.bytes == next->offset;
        if (!joins) return flow.parts.push_front(std::move(part));
        next->offset = part.offset;
        next->bytes += part.bytes;
        --size_;
    }

    // Of frames that were begun: those are at the front of their flows.
    bool has_begun() const {
        return std::any_of(flows_.begin(), flows_.end(), [](const auto& f) { return begun(f.second); });
    }
    OutPart pop_begun() {
        for (auto& [name, flow] : flows_) {
            if (begun(flow)) return take(flow);
        }
        WHIM_ASSERT(false);
    }

    OutPart pop() {
        WHIM_ASSERT(size_ > 0);
        Flow* next = nullptr;
        for (auto& [name, flow] : flows_) {
            if (!flow.parts.empty() && (!next || before(flow, *next))) next = &flow;
        }
        return take(*next);
    }
    void clear() { *this = BulkQueue(); }

private:
    static constexpr uint64_t kFrameCost = 64;  // of its header: empty frames take turns as well
    struct Flow {
        std::deque<OutPart> parts;
        uint64_t clock = 0;
    };
    OutPart take(Flow& flow) {
        OutPart part = std::move(flow.parts.front());
        flow.parts.pop_front();
        bytes_ -= part.bytes;
        clock_ = flow.clock;
        flow.clock += (part.bytes + kFrameCost) / std::max<uint64_t>(part.of->frame.share, 1);
        if (--size_ == 0) flows_.clear();
        // An empty flow is remembered for as long as it is ahead of its share.
        std::erase_if(flows_,
                      [&](const auto& f) { return f.second.parts.empty() && f.second.clock <= clock_; });
        return part;
    }
    static bool begun(const Flow& flow) { return !flow.parts.empty() && flow.parts.front().of->number > 0; }
    static bool before(const Flow& a, const Flow& b) {
        const uint32_t one = a.parts.front().of->frame.priority;
        const uint32_t other = b.parts.front().of->frame.priority;
        return one != other ? one > other : a.clock < b.clock;
    }
    Flow& flow_of(const OutPart& part) {
        ++size_;
        bytes_ += part.bytes;
        Flow& flow = flows_[part.of->frame.flow];
        if (flow.parts.empty()) flow.clock = std::max(flow.clock, clock_);
        return flow;
    }

    std::map<uint64_t, Flow> flows_;
    uint64_t clock_ = 0;
    size_t size_ = 0;
    uint64_t bytes_ = 0;
};

}  // namespace whim
