// Goal: every usual way to write an address is read and written back; wrong ones are refused with what is
// wrong. Method: two tables.
#include "wire/address.h"

#include <gtest/gtest.h>

namespace whim {
namespace {

TEST(Address, ReadsAndWritesBack) {
    struct Row {
        const char* text;
        Address address;
    };
    const Row rows[] = {{"10.0.0.1:7000", {"10.0.0.1", 7000}},
                        {"[::1]:7000", {"::1", 7000}},
                        {"gw.example.org:1", {"gw.example.org", 1}},
                        {"localhost:65535", {"localhost", 65535}},
                        {"0.0.0.0:0", {"0.0.0.0", 0}}};
    for (const Row& row : rows) {
        const Result<Address> read = parse_address(row.text);
        ASSERT_TRUE(read.ok()) << row.text << ": " << read.error().detail;
        EXPECT_EQ(*read, row.address);
        EXPECT_EQ(to_string(*read), row.text);
    }
}

TEST(Address, RefusesAndSaysWhy) {
    for (const char* text : {"", "host", "host:", "host:65536", "host:-1", "host:7x", "[::1]", "[::1:7000",
                             "::1:7000", "host:99999999999999999999"}) {
        const Result<Address> read = parse_address(text);
        ASSERT_FALSE(read.ok()) << text;
        EXPECT_FALSE(read.error().detail.empty()) << text;
    }
    EXPECT_FALSE(parse_address(std::string(300, 'a') + ":1").ok());
}

}  // namespace
}  // namespace whim
