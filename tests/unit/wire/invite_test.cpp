// Goal: invites survive their text form, and no other text is taken for one.
// Method: seeded random invites; cuts, changed letters and foreign characters.
#include "wire/invite.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace whim::wire {
namespace {

Invite random_invite(Prng& prng) {
    Invite invite;
    invite.run.assign(prng.below(65), 'r');
    invite.tls = prng.chance(1, 2);
    invite.coordinators.resize(prng.below(4));
    for (InvitePlace& place : invite.coordinators) {
        for (uint8_t& b : place.key.bytes) b = static_cast<uint8_t>(prng.next());
        place.addresses.resize(prng.below(4), {"host.example", static_cast<uint16_t>(prng.next())});
    }
    invite.expires_at_s = prng.next();
    for (uint8_t& b : invite.peer.bytes) b = static_cast<uint8_t>(prng.next());
    for (uint8_t& b : invite.nonce) b = static_cast<uint8_t>(prng.next());
    for (uint8_t& b : invite.signature) b = static_cast<uint8_t>(prng.next());
    return invite;
}

TEST(Invite, SurvivesItsText) {
    for (uint64_t seed = 1; seed <= 200; ++seed) {
        Prng prng(seed);
        const Invite invite = random_invite(prng);
        const Result<Invite> read = decode_invite(encode_invite(invite));
        ASSERT_TRUE(read.ok()) << "seed " << seed;
        ASSERT_EQ(*read, invite);
    }
}

TEST(Invite, NoOtherTextIsTakenForOne) {
    Prng prng(3);
    const std::string text = encode_invite(random_invite(prng));
    for (size_t i = 0; i < text.size(); ++i) {
        const Result<Invite> cut = decode_invite(text.substr(0, i));
        EXPECT_TRUE(!cut.ok() || encode_invite(*cut) == text.substr(0, i));
        for (const char foreign : {' ', '=', '+', '/', '\n', '\0', '\x80'}) {
            std::string changed = text;
            changed[i] = foreign;
            const Result<Invite> read = decode_invite(changed);
            EXPECT_FALSE(read.ok()) << i;
        }
    }
    EXPECT_FALSE(decode_invite(text + std::string(5000, 'A')).ok());
}

}  // namespace
}  // namespace whim::wire
