// The parameters of a codec's text, taken one by one; what nobody takes is an error.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/codec/codec.h"

namespace whim::codec {

class Parameters {
public:
    // text: "a=1,b=2,3" (after the name's colon; empty when there is none).
    static Result<Parameters> of(std::string_view text);

    // The value given to key, once. With an empty key: what stands without one.
    std::optional<std::string> take(std::string_view key);

    // Readers of values; each remembers the first error.
    std::optional<uint64_t> take_number(std::string_view key, uint64_t least, uint64_t most);
    ScaleType take_scale();
    Rounding take_rounding();
    // elements, a multiple of 16 up to most; kWhole only where allowed.
    size_t take_block(size_t otherwise, size_t most, bool whole_allowed);

    void refuse(std::string detail);

    // The first error, or that something was not taken.
    Status done() const;

private:
    struct Entry {
        std::string key, value;
        bool taken = false;
    };
    std::vector<Entry> entries_;
    std::vector<std::string> known_;  // keys that were asked for
    std::optional<std::string> error_;
};

// Decimal digits only.
std::optional<uint64_t> whole_number(std::string_view text);

}  // namespace whim::codec
