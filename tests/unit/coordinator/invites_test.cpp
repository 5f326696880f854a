// Goal: a valid invite admits, and each wrong one is refused with the reason that helps.
// Method: sign with one key, then spoil one thing at a time; every cut and every changed letter is refused.
#include "coordinator/invites.h"

#include <gtest/gtest.h>

namespace whim::coordinator {
namespace {

constexpr uint64_t kNow = 1'800'000'000;

struct Case {
    Identity identity{KeySeed{1}};
    wire::Invite invite;
    InviteCheck check;

    Case() {
        invite.run = "gpt";
        invite.coordinators = {{{{"10.0.0.1", 7000}, {"gw.example.org", 7001}}, identity.id()}};
        invite.expires_at_s = kNow + 60;
        check = {"gpt", identity.public_key(), PeerId{}, kNow};
        check.peer.bytes[0] = 5;
    }
    std::string refusal(const std::string& token) const {
        const Status status = check_token(token, check);
        EXPECT_TRUE(status.ok() || status.error().code == Code::E_TOKEN);
        return status.ok() ? "" : status.error().detail;
    }
};

TEST(Invites, AValidOneAdmitsAndTellsWhereTheRunIs) {
    const Case c;
    const std::string token = sign_invite(c.invite, c.identity);
    EXPECT_EQ(c.refusal(token), "");
    const auto read = wire::decode_invite(token);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->run, "gpt");
    EXPECT_TRUE(read->tls);
    EXPECT_EQ(read->coordinators, c.invite.coordinators);
    EXPECT_NE(token, sign_invite(c.invite, c.identity)) << "nonces make invites distinct";
    for (const char letter : token)
        EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(letter)) || letter == '.' || letter == '-' ||
                    letter == '_');
}

TEST(Invites, EachFaultIsNamed) {
    Case c;
    EXPECT_NE(c.refusal("").find("by invite only"), std::string::npos);
    EXPECT_NE(c.refusal("hello").find("not an invite"), std::string::npos);

    Case other_run;
    other_run.invite.run = "vision";
    EXPECT_EQ(c.refusal(sign_invite(other_run.invite, c.identity)),
              "the token is for run vision, this is run gpt");

    const Identity stranger{KeySeed{2}};
    EXPECT_EQ(c.refusal(sign_invite(c.invite, stranger)), "the token's signature is not this coordinator's");

    Case old;
    old.invite.expires_at_s = kNow - 3 * 3600;
    EXPECT_EQ(c.refusal(sign_invite(old.invite, c.identity)), "the token expired 3 h ago");
    old.invite.expires_at_s = kNow;
    EXPECT_EQ(c.refusal(sign_invite(old.invite, c.identity)), "the token expired 0 s ago");

    Case named;
    named.invite.peer.bytes[0] = 9;
    EXPECT_EQ(c.refusal(sign_invite(named.invite, c.identity)),
              "the token is for peer 09000000, not 05000000");
    named.check.peer = named.invite.peer;
    EXPECT_EQ(named.refusal(sign_invite(named.invite, c.identity)), "");
}

TEST(Invites, NoCutAndNoChangedLetterIsAccepted) {
    const Case c;
    const std::string token = sign_invite(c.invite, c.identity);
    for (size_t i = 0; i < token.size(); ++i) {
        EXPECT_NE(c.refusal(token.substr(0, i)), "") << "cut at " << i;
        std::string changed = token;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_NE(c.refusal(changed), "") << "letter " << i;
    }
    EXPECT_NE(c.refusal(token + "A"), "");
}

}  // namespace
}  // namespace whim::coordinator
