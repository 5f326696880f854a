// u8 version, u8 kind, u16 members; u16 parts of (u32 share, u16 root, u8 shape, u16 reduce, u16 broadcast);
// u16 tables of `members` u16 each; u16 relays of (u16 a, u16 b, u16 via). Little-endian.
#include "collectives/plan/plan_code.h"

#include "base/assert.h"
#include "base/limits.h"
#include "collectives/plan/check_plan.h"

namespace whim::plan {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kPartBytes = 11, kRelayBytes = 6;

// A count of items that must all be there, refused before memory is taken for them.
uint32_t count_of(ByteReader& in, uint32_t most, size_t item_bytes) {
    const uint32_t count = in.u16();
    if (count > most || in.remaining() < count * item_bytes) in.fail();
    return in.ok() ? count : 0;
}

}  // namespace

Bytes encode(const Plan& plan) {
    WHIM_ASSERT(check(plan).ok());
    Bytes bytes;
    ByteWriter out(bytes);
    out.u8(kVersion);
    out.u8(static_cast<uint8_t>(plan.kind));
    out.u16(static_cast<uint16_t>(plan.members));
    out.u16(static_cast<uint16_t>(plan.parts.size()));
    for (const Part& part : plan.parts) {
        out.u32(part.share);
        out.u16(part.root);
        out.u8(static_cast<uint8_t>(part.shape));
        out.u16(part.reduce);
        out.u16(part.broadcast);
    }
    out.u16(static_cast<uint16_t>(plan.tables.size()));
    for (const auto& table : plan.tables)
        for (const Member m : table) out.u16(m);
    out.u16(static_cast<uint16_t>(plan.relays.size()));
    for (const Relay& relay : plan.relays) {
        out.u16(relay.a);
        out.u16(relay.b);
        out.u16(relay.via);
    }
    return bytes;
}

Result<Plan> decode(ByteSpan bytes) {
    if (bytes.size() > limits::kPlanBytesMax) return fail(Code::E_PROTOCOL, "plan: too long");
    ByteReader in(bytes);
    if (in.u8() != kVersion) return fail(Code::E_PROTOCOL, "plan: of an unknown version");
    Plan plan;
    plan.kind = static_cast<Kind>(in.u8());
    plan.members = in.u16();
    if (plan.members > limits::kMembersMax) in.fail();
    plan.parts.resize(count_of(in, limits::kPlanPartsMax, kPartBytes));
    for (Part& part : plan.parts) {
        part.share = in.u32();
        part.root = in.u16();
        part.shape = static_cast<Shape>(in.u8());
        part.reduce = in.u16();
        part.broadcast = in.u16();
    }
    const uint32_t tables_max = plan.members == 0 ? 0 : limits::kPlanTableEntriesMax / plan.members;
    plan.tables.resize(count_of(in, tables_max, 2 * plan.members));
    for (auto& table : plan.tables) {
        table.resize(plan.members);
        for (Member& m : table) m = in.u16();
    }
    plan.relays.resize(count_of(in, limits::kPlanRelaysMax, kRelayBytes));
    for (Relay& relay : plan.relays) {
        relay.a = in.u16();
        relay.b = in.u16();
        relay.via = in.u16();
    }
    if (!in.done()) return fail(Code::E_PROTOCOL, "plan: cut short, or with a count beyond its limit");
    if (Status status = check(plan); !status.ok()) return status.error();
    return plan;
}

}  // namespace whim::plan
