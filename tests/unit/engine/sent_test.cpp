// Goal: what sent_of() says an op took of a contribution is what its coding made of it, chunk by chunk, and
// nothing where this peer does not count. Method: infos made by hand, with parts of odd lengths, and a codec
// whose bytes depend on the op, the rank and the place.
#include "engine/sent.h"

#include <gtest/gtest.h>

#include <cmath>

#include "collectives/codec/parse.h"
#include "collectives/plan/layout.h"
#include "tests/unit/op/coded_reference.h"

namespace whim {
namespace {

constexpr uint64_t kElements = 300;

OpInfo info_of(const std::string& codec, std::vector<uint64_t> parts) {
    OpInfo info;
    info.op = {.round = {3}, .tag = 9, .instance = 1};
    info.descriptor.elements = kElements;
    info.descriptor.chunk_elements = 32;
    info.descriptor.codec = codec;
    info.descriptor.parts = std::move(parts);
    for (uint8_t i = 0; i < 3; ++i) {
        MemberId member;
        member.peer.bytes[0] = i;
        info.birth.push_back(member);
    }
    info.rank = 1;
    info.contributors = {{info.birth, 200}, {{info.birth[0], info.birth[2]}, 100}};
    info.runs = {{0, 120, 0}, {120, 100, 1}, {220, 80, 0}};
    return info;
}

std::vector<float> input() {
    std::vector<float> out(kElements);
    for (size_t i = 0; i < out.size(); ++i) out[i] = std::sin(static_cast<float>(i)) * 3;
    return out;
}

void expect_as_coded(const OpInfo& info) {
    const CodecPtr codec = *parse_codec(info.descriptor.codec);
    const std::vector<float> given = input();
    std::vector<float> sent(kElements, 77);
    ASSERT_TRUE(sent_of(info, codec, given, sent).ok());
    const auto& parts = info.descriptor.parts;
    const ChunkLayout layout =
        parts.empty() ? ChunkLayout{kElements, 4, 32} : ChunkLayout::of_parts(parts, 4, 32);
    for (uint32_t c = 0; c < layout.chunks(); ++c) {
        const ElementRange range = layout.range({c});
        if (range.count() == 0) continue;
        const op::CodedInput chunk = {1,
                                      {given.begin() + static_cast<std::ptrdiff_t>(range.begin),
                                       given.begin() + static_cast<std::ptrdiff_t>(range.end)}};
        const auto coded = op::coded_reference(*codec, Reduce::copy, info.op, {chunk}, uint64_t{c} * 32);
        for (uint64_t i = range.begin; i < range.end; ++i)
            ASSERT_EQ(sent[i], i >= 120 && i < 220 ? 0.0f : coded[i - range.begin]) << i;
    }
}

TEST(Sent, IsWhatTheOpMadeOfIt) {
    expect_as_coded(info_of("int4:block=16,round=stochastic", {}));
    expect_as_coded(info_of("int4:block=16,round=stochastic", {101, 0, 199}));
    expect_as_coded(info_of("topk:1/4,chunk=16", {7, 250, 43}));
}

TEST(Sent, WithoutACodec) {
    const std::vector<float> given = input();
    std::vector<float> sent(kElements, 77);
    ASSERT_TRUE(sent_of(info_of("", {}), nullptr, given, sent).ok());
    for (uint64_t i = 0; i < kElements; ++i) ASSERT_EQ(sent[i], i >= 120 && i < 220 ? 0.0f : given[i]);
}

TEST(Sent, WhatCannotBeWorkedOut) {
    std::vector<float> given = input(), sent(kElements);
    OpInfo info = info_of("", {});
    EXPECT_EQ(sent_of(info, nullptr, std::span(given).first(7), std::span(sent).first(7)).error().code,
              Code::E_INVALID);
    info.descriptor.collective = Collective::reduce_scatter;
    EXPECT_EQ(sent_of(info, nullptr, given, sent).error().code, Code::E_UNSUPPORTED);
    info = info_of("", {});
    info.descriptor.dtype = Dtype::i32;
    EXPECT_EQ(sent_of(info, nullptr, given, sent).error().code, Code::E_UNSUPPORTED);
    info = info_of("fp16", {});
    given[40] = 70'000;  // more than fp16 holds
    const Status status = sent_of(info, *parse_codec("fp16"), given, sent);
    EXPECT_EQ(status.error().code, Code::E_NON_FINITE);
    EXPECT_NE(status.error().detail.find("element 40"), std::string::npos);
}

}  // namespace
}  // namespace whim
