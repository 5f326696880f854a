// Invites: any text is refused, or is exactly the text of the invite that was read.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "wire/invite.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto invite = whim::wire::decode_invite(text);
    if (invite.ok()) WHIM_ASSERT(whim::wire::encode_invite(*invite) == text);
    return 0;
}
