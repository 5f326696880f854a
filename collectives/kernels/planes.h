// Bytes sorted by their place in 2- or 4-byte elements, and back: compressors see the likeness of exponents
// then.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace whim::kernels {

// All first bytes, then all second bytes, and so on; bytes after the last whole element stay at the end.
// width: 2 or 4. out: as long as in, elsewhere.
void split_planes(size_t width, ByteSpan in, MutableByteSpan out);
void join_planes(size_t width, ByteSpan in, MutableByteSpan out);

}  // namespace whim::kernels
