// What circuits want sent over links, and the pieces of bulk circuits that must stay until their end has
// them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/assert.h"
#include "transport/session/endpoint.h"
#include "wire/messages.h"

namespace whim {

// To be sent over the link, in order. The cookie of a bulk frame names its piece in a PieceStore.
struct CircuitFrame {
    LinkKey to;
    std::variant<wire::Message, BulkFrame> what;
};

// Payloads by number. A frame may be written again after a strand was lost, so a piece stays until the far
// end has taken it; one that is being written stays until it is unpinned, whatever became of its circuit.
class PieceStore {
public:
    uint64_t keep(std::shared_ptr<const Bytes> bytes) {
        kept_.emplace(++last_, std::move(bytes));
        return last_;
    }
    void release(uint64_t number) { kept_.erase(number); }

    std::optional<ByteSpan> pin(uint64_t number) {
        const auto found = kept_.find(number);
        if (found == kept_.end()) return std::nullopt;
        pinned_.emplace(number, found->second);
        return ByteSpan(*found->second);
    }
    void unpin(uint64_t number) {
        const auto found = pinned_.find(number);
        WHIM_ASSERT(found != pinned_.end());
        pinned_.erase(found);
    }

private:
    std::map<uint64_t, std::shared_ptr<const Bytes>> kept_;
    std::multimap<uint64_t, std::shared_ptr<const Bytes>> pinned_;
    uint64_t last_ = 0;
};

}  // namespace whim
