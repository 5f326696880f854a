// Goal: random words are those of Philox4x32-10. Method: the known answers of its authors (Random123
// kat_vectors).
#include "collectives/kernels/philox.h"

#include <gtest/gtest.h>

namespace whim {
namespace {

TEST(Philox, GivesTheKnownAnswers) {
    EXPECT_EQ(philox4x32({0, 0, 0, 0}, 0), (PhiloxBlock{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
    const uint32_t ones = 0xffffffffu;
    EXPECT_EQ(philox4x32({ones, ones, ones, ones}, ~uint64_t{0}),
              (PhiloxBlock{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
    EXPECT_EQ(philox4x32({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, 0x299f31d0a4093822ull),
              (PhiloxBlock{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(Philox, CountersAreGroupAndStream) {
    EXPECT_EQ(
        dither_words({.seed = 0x299f31d0a4093822ull, .stream = 0x0370734413198a2eull}, 0x85a308d3243f6a88ull),
        (PhiloxBlock{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

}  // namespace
}  // namespace whim
