// Addresses: whatever is read is written and read to the same again.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "wire/address.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const auto address = whim::parse_address({reinterpret_cast<const char*>(data), size});
    if (!address) return 0;
    const auto again = whim::parse_address(whim::to_string(*address));
    WHIM_ASSERT(again.ok() && *again == *address);
    return 0;
}
