// Headers of bulk frames: any bytes are refused, or are exactly the encoding of what was read.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "wire/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    if (const auto circuit = whim::wire::decode_circuit_header(bytes); circuit.ok()) {
        const whim::Bytes again = whim::wire::encode(*circuit);
        WHIM_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
        WHIM_ASSERT(!whim::wire::decode_bulk_header(bytes).ok());  // no bytes are both
    }
    const auto header = whim::wire::decode_bulk_header(bytes);
    if (!header.ok()) return 0;
    const whim::Bytes again = whim::wire::encode(*header);
    WHIM_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    return 0;
}
