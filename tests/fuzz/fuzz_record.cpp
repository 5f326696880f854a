// What a journal holds: round records and the entries around them; and a ledger that is given them in any
// order.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "group/ledger.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto record = whim::wire::decode_record(bytes);
    if (record.ok()) {
        const whim::Bytes again = whim::wire::encode_record(*record);
        WHIM_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    }
    // Entries one after the other, each behind a length of two bytes.
    whim::group::Ledger ledger;
    for (size_t at = 0; at + 2 <= size;) {
        const size_t length =
            std::min<size_t>(data[at] | static_cast<size_t>(data[at + 1]) << 8, size - at - 2);
        const auto entry = whim::group::decode_entry(bytes.subspan(at + 2, length));
        at += 2 + length;
        if (entry.ok() && !ledger.apply(*entry).ok()) return 0;
    }
    return 0;
}
