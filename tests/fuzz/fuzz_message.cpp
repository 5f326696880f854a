// Control messages: any bytes are refused, or are exactly the encoding of what was read.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "wire/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto message = whim::wire::decode(bytes);
    if (!message.ok()) return 0;
    const whim::Bytes again = whim::wire::encode(*message);
    WHIM_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    return 0;
}
