// Goal: element types and reductions keep the numbers, sizes and names that the C API and the wire rely on.
// Method: the whole table, written out once more.
#include "base/dtype.h"

#include <gtest/gtest.h>

#include <set>

namespace whim {
namespace {

TEST(Dtype, TheTable) {
    const struct {
        uint32_t number;
        std::string_view name;
        size_t bytes;
        bool is_float;
    } table[] = {{0, "f32", 4, true}, {1, "f64", 8, true},  {2, "f16", 2, true},   {3, "bf16", 2, true},
                 {4, "i8", 1, false}, {5, "i16", 2, false}, {6, "i32", 4, false},  {7, "i64", 8, false},
                 {8, "u8", 1, false}, {9, "u16", 2, false}, {10, "u32", 4, false}, {11, "u64", 8, false}};
    EXPECT_EQ(std::size(table), kDtypeCount);
    for (const auto& line : table) {
        const auto dtype = dtype_from_int(line.number);
        ASSERT_TRUE(dtype.has_value());
        EXPECT_EQ(static_cast<uint32_t>(*dtype), line.number);
        EXPECT_EQ(dtype_name(*dtype), line.name);
        EXPECT_EQ(dtype_bytes(*dtype), line.bytes);
        EXPECT_EQ(dtype_is_float(*dtype), line.is_float);
        EXPECT_EQ(reduce_supports(Reduce::avg, *dtype), line.is_float);
        EXPECT_EQ(reduce_supports(Reduce::majority, *dtype), !line.is_float);
        EXPECT_FALSE(reduce_supports(Reduce::custom, *dtype));
        for (const Reduce reduce : {Reduce::sum, Reduce::min, Reduce::max, Reduce::copy}) {
            EXPECT_TRUE(reduce_supports(reduce, *dtype));
        }
    }
}

TEST(Reduce, NumbersAndNames) {
    const std::string_view names[] = {"sum", "avg", "min", "max", "copy", "majority", "custom"};
    EXPECT_EQ(std::size(names), kReduceCount);
    for (uint32_t i = 0; i < kReduceCount; ++i) {
        const auto reduce = reduce_from_int(i);
        ASSERT_TRUE(reduce.has_value());
        EXPECT_EQ(static_cast<uint32_t>(*reduce), i);
        EXPECT_EQ(reduce_name(*reduce), names[i]);
    }
}

TEST(Dtype, UnknownNumbersAreRefused) {
    for (const uint32_t value : {kDtypeCount, 255u, UINT32_MAX})
        EXPECT_EQ(dtype_from_int(value), std::nullopt);
    for (const uint32_t value : {kReduceCount, 255u, UINT32_MAX})
        EXPECT_EQ(reduce_from_int(value), std::nullopt);
}

}  // namespace
}  // namespace whim
