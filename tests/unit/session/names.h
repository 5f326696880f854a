// Short ways to write peer ids and bytes in tests.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"

namespace whim::testing {

inline PeerId peer_id(uint8_t n) {
    PeerId id;
    id.bytes.fill(n);
    return id;
}

inline Bytes to_bytes(std::string_view text) {
    const auto* data = reinterpret_cast<const std::byte*>(text.data());
    return Bytes(data, data + text.size());
}

}  // namespace whim::testing
