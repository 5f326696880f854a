// Codecs by their text: NAME[:PARAMETER[,PARAMETER]...][+zstd[:level=N]], as in docs/reference/codecs.md.
//
//   none · bf16 · fp16                                  round
//   int8 · int4 · int2 · e4m3 · e5m2 · e2m1 · e3m0     block, scale, round
//   sign                                                block, scale
//   uint8 · uint4 · uint2                               block, scale, round
//   topk                                                the share as in topk:1/64, chunk, index, values, and
//   the
//                                                       parameters of the values' codec
//   NAME of a codec of the application                  those it has, or none
//   any of these +zstd                                  level
//
// block=N|whole, scale=bf16|fp16|fp32|e8m0, round=nearest|stochastic, chunk=N,
// index=rice|packed, values=NAME of a codec above topk, level=1..9.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "collectives/codec/codec.h"

namespace whim {

// The application's own codecs (custom_codec.h), by name.
using CustomCodecs = std::map<std::string, CodecPtr, std::less<>>;

// E_INVALID with a detail that quotes the text and says what is wrong and what there is. E_MISMATCH when the
// name is an application's by its look and none of custom: other peers may have such a codec.
Result<CodecPtr> parse_codec(std::string_view text, const CustomCodecs& custom = {});

}  // namespace whim
