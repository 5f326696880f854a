// Goal: text of strangers cannot act on whoever reads it, and honest text of any language stays as it is.
// Method: examples of each kind, and every string of two bytes.
#include "base/printable.h"

#include <gtest/gtest.h>

namespace whim {
namespace {

TEST(Printable, LeavesHonestTextAlone) {
    for (const char* text : {"", "eu-2 (rack 7)", "Zürich", "東京", "🦩", "߿ࠀ￿𐀀"}) {
        EXPECT_EQ(printable(text), text);
    }
}

TEST(Printable, DisarmsControls) {
    EXPECT_EQ(printable("a\nb\rc\td\x1b[31m"), "a?b?c?d?[31m");
    EXPECT_EQ(printable(std::string_view("\0x\x7f", 3)), "?x?");
    EXPECT_EQ(printable("a\u0085b\u009bc"), "a?b?c") << "C1 controls";
    EXPECT_EQ(printable("a\u2028b\u2029c\u202ed\u2066e"), "a?b?c?d?e");
}

TEST(Printable, ReplacesWhatIsNotUtf8ByteByByte) {
    EXPECT_EQ(printable("a\xff"), "a?");
    EXPECT_EQ(printable("\xc3"), "?") << "cut short";
    EXPECT_EQ(printable("\xe2\x82z"), "??z");
    EXPECT_EQ(printable("\xc0\x8a"), "??") << "an overlong line feed";
    EXPECT_EQ(printable("\xe0\x80\x8a"), "???") << "and a longer one";
    EXPECT_EQ(printable("\xed\xa0\x80"), "???") << "a surrogate";
    EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????") << "beyond Unicode";
}

TEST(Printable, IsTheSameWhenDoneTwiceAndNeverLonger) {
    for (int a = 0; a < 256; ++a) {
        for (int b = 0; b < 256; ++b) {
            const char text[] = {static_cast<char>(a), static_cast<char>(b)};
            const std::string once = printable({text, 2});
            EXPECT_LE(once.size(), 2u);
            EXPECT_EQ(printable(once), once);
            for (const char c : once)
                EXPECT_TRUE(static_cast<uint8_t>(c) >= 0x20 && c != 0x7f) << a << " " << b;
        }
    }
}

}  // namespace
}  // namespace whim
