// codec_conformance: whether a codec of the application keeps its contract, as far as trying can tell.
//
// Every property is tried with awkward counts and data, small ones first; of each that is broken the first
// case found is told, with its input. The codec's functions are called directly, on this thread, between
// guard bytes; payloads they read have exactly their length on the heap, so that a sanitizer sees what is
// read beyond. The same codec gives the same report.
#pragma once

#include <string>

#include "collectives/codec/custom_codec.h"

namespace whim {

struct ConformanceReport {
    bool good = false;
    std::string text;  // one line that sums up, then one for each broken property: "NAME: what, input"
};

// Asserted: check_codec says OK.
ConformanceReport codec_conformance(const CodecParts& parts);

}  // namespace whim
