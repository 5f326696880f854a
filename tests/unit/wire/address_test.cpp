// Addresses: what is read, what is written back, and what the refusal of a bad one says.
#include "wire/address.h"

#include <gtest/gtest.h>

namespace whim {
namespace {

TEST(Address, ReadsAndWritesItsThreeForms) {
    for (const char* text : {"10.0.0.1:7000", "[::1]:7000", "gw.example.org:65535", ":0", "[fe80::1%eth0]:1"}) {
        const auto address = parse_address(text);
        ASSERT_TRUE(address.ok()) << text;
        EXPECT_EQ(to_string(*address), text);
    }
    EXPECT_EQ(parse_address("[::1]:7000")->host, "::1");
}

TEST(Address, SaysWhatIsWrong) {
    const auto why = [](const std::string& text) {
        const auto address = parse_address(text);
        return address.ok() ? std::string("nothing") : address.error().detail;
    };
    EXPECT_EQ(why("host"), "address 'host': no ':PORT'; write HOST:PORT");
    EXPECT_EQ(why("::1:7000"), "address '::1:7000': write an IPv6 address as [ADDRESS]:PORT");
    EXPECT_EQ(why("[::1:7000"), "address '[::1:7000': '[' without ']'");
    EXPECT_EQ(why("[::1]7000"), "address '[::1]7000': no ':PORT' after ']'");
    for (const char* port : {"h:", "h:65536", "h:-1", "h:7x", "h:99999999999"}) {
        EXPECT_NE(why(port).find("the port is not a number from 0 to 65535"), std::string::npos) << port;
    }
    EXPECT_NE(why("a b:1").find("blank"), std::string::npos);
    EXPECT_NE(why(std::string(5000, 'a') + ":1").find("too long"), std::string::npos);
}

}  // namespace
}  // namespace whim
