// Goal: what people are told of a link that is down names address, direction and cause. Method: each kind.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "engine/link_text.h"

namespace whim {
namespace {

TEST(LinkText, NamesAddressDirectionAndCause) {
    struct Row {
        LinkDownKind kind;
        const char *detail, *text;
    };
    const Row rows[] = {
        {LinkDownKind::unreachable, "at 10.0.0.7:7001: no answer in 3 s (a firewall?)",
         "eu-2 cannot be reached from us-1 at 10.0.0.7:7001: no answer in 3 s (a firewall?)"},
        {LinkDownKind::refused,
         "at a:1: connection refused (nobody listens there); at [::1]:1: no route to host",
         "eu-2 cannot be reached from us-1 at a:1: connection refused (nobody listens there); at [::1]:1: no "
         "route to host"},
        {LinkDownKind::identity, "at a:1: another peer answers, 07070707",
         "eu-2 cannot be reached from us-1 at a:1: another peer answers, 07070707"},
        {LinkDownKind::closed, "from 10.0.0.2:40112: connection reset",
         "us-1 lost its connection to eu-2 from 10.0.0.2:40112: connection reset"},
        {LinkDownKind::closed, "too much is unacknowledged",
         "us-1 lost its connection to eu-2: too much is unacknowledged"},
        {LinkDownKind::rejected, "at a:1: this is run 'b', not 'a'",
         "eu-2 rejects the link from us-1 at a:1: this is run 'b', not 'a'"},
        {LinkDownKind::version, "at a:1: 2..3 offered, 1..1 spoken here",
         "eu-2 and us-1 speak no common protocol version at a:1: 2..3 offered, 1..1 spoken here"},
        {LinkDownKind::protocol, "", "eu-2 broke the protocol on its link to us-1"},
    };
    for (const Row& row : rows) EXPECT_EQ(link_text("us-1", "eu-2", row.kind, row.detail), row.text);
}

TEST(LinkText, FitsInAMessage) {
    const std::string detail(limits::kReasonBytesMax, 'x');
    EXPECT_EQ(link_text("us-1", "eu-2", LinkDownKind::closed, detail).size(), limits::kReasonBytesMax);
}

}  // namespace
}  // namespace whim
