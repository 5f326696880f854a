// Sizes, names and allowed pairs of element types and reductions.
#include "base/dtype.h"

namespace whim {

size_t dtype_bytes(Dtype dtype) {
    switch (dtype) {
        case Dtype::i8:
        case Dtype::u8: return 1;
        case Dtype::f16:
        case Dtype::bf16:
        case Dtype::i16:
        case Dtype::u16: return 2;
        case Dtype::f32:
        case Dtype::i32:
        case Dtype::u32: return 4;
        case Dtype::f64:
        case Dtype::i64:
        case Dtype::u64: return 8;
    }
    return 0;
}

bool dtype_is_float(Dtype dtype) {
    return dtype == Dtype::f32 || dtype == Dtype::f64 || dtype == Dtype::f16 || dtype == Dtype::bf16;
}

std::string_view dtype_name(Dtype dtype) {
    static constexpr std::string_view kNames[kDtypeCount] = {"f32", "f64", "f16", "bf16", "i8",  "i16",
                                                             "i32", "i64", "u8",  "u16",  "u32", "u64"};
    return kNames[static_cast<size_t>(dtype)];
}

std::string_view reduce_name(Reduce reduce) {
    static constexpr std::string_view kNames[kReduceCount] = {"sum",  "avg",      "min",   "max",
                                                              "copy", "majority", "custom"};
    return kNames[static_cast<size_t>(reduce)];
}

std::optional<Dtype> dtype_from_int(uint32_t value) {
    if (value >= kDtypeCount) return std::nullopt;
    return static_cast<Dtype>(value);
}

std::optional<Reduce> reduce_from_int(uint32_t value) {
    if (value >= kReduceCount) return std::nullopt;
    return static_cast<Reduce>(value);
}

bool reduce_supports(Reduce reduce, Dtype dtype) {
    if (reduce == Reduce::avg) return dtype_is_float(dtype);
    if (reduce == Reduce::majority) return !dtype_is_float(dtype);
    if (reduce == Reduce::custom) return false;
    return true;
}

}  // namespace whim
