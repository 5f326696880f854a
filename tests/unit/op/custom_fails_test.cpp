// Goal: a codec or reducer of the application that fails ends its op, with the fault where it is: nobody else
// is blamed for it, nobody waits, and inputs are as before. Method: a few ops (few_ops.h) with parts that
// break one rule each.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/codec/custom_parts.h"
#include "tests/unit/op/few_ops.h"
#include "tests/unit/reducer/custom_parts.h"

namespace whim::op {
namespace {

CodecPtr codec_with(void (*change)(CodecParts& parts)) {
    CodecParts parts = test::custom_parts();
    change(parts);
    return std::make_shared<CustomCodec>(parts);
}

FewOps::Setup setup_of(const CodecPtr& codec) {
    return {.elements = 100, .chunk_elements = 16, .in_place = true, .codecs = {codec, codec, codec}};
}

void expect_all_end(FewOps& ops, const std::string& words) {
    std::vector<std::vector<float>> before;
    for (const auto& p : ops.peers) before.push_back(p->in);
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle();
    for (uint32_t r = 0; r < 3; ++r) {
        EXPECT_EQ(ops[r].ended_with, Code::E_BROKEN_CONTRACT) << r;
        EXPECT_NE(ops[r].detail.find(words), std::string::npos) << ops[r].detail;
        EXPECT_EQ(ops[r].in, before[r]);
    }
    EXPECT_TRUE(ops.violators.empty());
}

TEST(CustomFails, AReducer) {
    ReducerParts parts = test::median_parts();
    parts.reduce = [](const Contributions&, MutableByteSpan out) {
        std::fill(out.begin(), out.end(), std::byte{1});
        return false;
    };
    const auto reducer = std::make_shared<CustomReducer>(parts);
    FewOps plain({.elements = 12, .reduce = Reduce::custom, .in_place = true, .reducer = reducer});
    expect_all_end(plain, "reducer test-median failed with 1 elements of 3 contributors");
    FewOps::Setup setup = setup_of(test::custom_codec());
    setup.reduce = Reduce::custom;
    setup.reducer = reducer;
    FewOps coded(setup);
    expect_all_end(coded, "reducer test-median failed with");
}

TEST(CustomFails, AnEncoder) {
    FewOps ops(setup_of(codec_with([](CodecParts& p) {
        p.encode = [](const Values& in, MutableByteSpan out) {
            const auto bytes = test::custom_encode(in, out);
            out.data()[out.size()] = std::byte{1};
            return bytes;
        };
    })));
    expect_all_end(ops, "encode of 16 elements wrote beyond its 20 bytes");
}

// What it refuses it made itself: then it is not the others who sent wrong bytes.
TEST(CustomFails, ADecoderThatRefusesAll) {
    FewOps ops(setup_of(
        codec_with([](CodecParts& p) { p.decode = [](ByteSpan, std::span<float>) { return false; }; })));
    expect_all_end(ops, "what this peer itself encoded: codec test-bytes refuses 20 bytes as 16 elements");
}

TEST(CustomFails, ADecoderThatWritesBeyond) {
    FewOps ops(setup_of(codec_with([](CodecParts& p) {
        p.decode = [](ByteSpan bytes, std::span<float> out) {
            out.data()[out.size()] = 1;
            return test::custom_decode(bytes, out);
        };
    })));
    expect_all_end(ops, "decode wrote beyond its 16 elements");
}

// decode takes what it refuses: nobody sent wrong bytes, not even this peer.
TEST(CustomFails, AnAccumulatorThatRefusesAll) {
    for (const bool sparse : {false, true}) {
        CodecParts parts = test::custom_parts();
        parts.sparse = sparse;
        parts.accumulate = [](ByteSpan, float, std::span<float>) { return false; };
        FewOps ops(setup_of(std::make_shared<CustomCodec>(parts)));
        expect_all_end(ops, "codec test-bytes: accumulate refuses 20 bytes that decode takes");
    }
}

// On one peer only, and said to be well: the root is not to blame for what this peer makes of its bundle.
TEST(CustomFails, AnAccumulatorThatAddsWhatIsNotThere) {
    CodecParts parts = test::custom_parts();
    parts.sparse = true;
    FewOps::Setup setup = setup_of(std::make_shared<CustomCodec>(parts));
    setup.elements = 16;
    const uint32_t bad = (root_of_one_chunk(setup) + 1) % 3;
    parts.accumulate = [](ByteSpan, float, std::span<float> acc) {
        acc[0] = NAN;
        return true;
    };
    setup.codecs[bad] = std::make_shared<CustomCodec>(parts);
    FewOps ops(setup);
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle();
    EXPECT_EQ(ops[bad].ended_with, Code::E_BROKEN_CONTRACT) << ops[bad].detail;
    EXPECT_EQ(ops.leavers, std::vector<uint32_t>{bad});
    EXPECT_TRUE(ops.violators.empty());
}

TEST(CustomFails, AnAccumulatorThatWritesBeyond) {
    FewOps ops(setup_of(codec_with([](CodecParts& p) {
        p.accumulate = [](ByteSpan, float, std::span<float> acc) {
            acc.data()[acc.size()] = 1;
            return true;
        };
    })));
    expect_all_end(ops, "accumulate wrote beyond its 16 elements");
}

// Room for a bundle was taken for less.
TEST(CustomFails, ABoundThatGrows) {
    CodecParts parts = test::custom_parts();
    parts.sparse = true;
    const auto calls = std::make_shared<size_t>(0);
    parts.bytes_max = [calls](size_t count) { return test::custom_bytes(count) + (++*calls > 40 ? 400 : 0); };
    parts.encode = [calls](const Values& in, MutableByteSpan out) -> std::optional<size_t> {
        const auto bytes = test::custom_encode(in, out);
        return *calls > 40 ? out.size() : *bytes;
    };
    parts.decode = [](ByteSpan bytes, std::span<float> out) {
        return test::custom_decode(bytes.first(std::min(bytes.size(), test::custom_bytes(out.size()))), out);
    };
    const CodecPtr codec = std::make_shared<CustomCodec>(parts);
    const Coding coding(codec, Reduce::sum, false, {.round = {1}, .tag = 7}, 2);
    std::vector<float> values(16, 1.0f), sums(16), out(16);
    Bytes contribution(1000), encoded(coding.result_bytes_max(16));
    *calls = 100;
    const auto bytes = coding.contribute(values, 0, {0}, contribution);
    ASSERT_TRUE(bytes.ok()) << bytes.error().detail;
    const ByteSpan made = ByteSpan(contribution).first(*bytes);
    const Coding::Made result = coding.fold(std::vector<Coding::Contribution>{{0, made, 1}, {1, made, 1}}, 0,
                                            sums, MutableByteSpan(encoded).first(200), out);
    ASSERT_TRUE(result.refusal);
    EXPECT_EQ(result.refusal->why.code, Code::E_BROKEN_CONTRACT);
    EXPECT_NE(result.refusal->why.detail.find("bytes_max is not always the same"), std::string::npos);
}

// One peer's codec alone fails, on a result: that peer goes, the others end well.
TEST(CustomFails, OnOnePeerThatRootsNothing) {
    for (const bool sparse : {false, true}) {
        CodecParts parts = test::custom_parts();
        parts.sparse = sparse;
        FewOps::Setup setup = setup_of(std::make_shared<CustomCodec>(parts));
        setup.elements = 16;
        const uint32_t bad = (root_of_one_chunk(setup) + 1) % 3;
        parts.decode = [](ByteSpan, std::span<float> out) {
            out.data()[out.size()] = 1;
            return true;
        };
        setup.codecs[bad] = std::make_shared<CustomCodec>(parts);
        FewOps ops(setup);
        for (uint32_t r = 0; r < 3; ++r) ops.post(r);
        ops.settle();
        EXPECT_EQ(ops[bad].ended_with, Code::E_BROKEN_CONTRACT);
        EXPECT_EQ(ops.leavers, std::vector<uint32_t>{bad});
        ops.alive[bad] = false;
        for (uint32_t r = 0; r < 3; ++r) {
            if (r != bad) ops.install(r);
        }
        ops.settle();
        for (uint32_t r = 0; r < 3; ++r) EXPECT_TRUE(r == bad || ops[r].ended_with == Code::OK) << r;
        EXPECT_TRUE(ops.violators.empty()) << sparse;
    }
}

// Somebody else's bytes are refused, and one's own are not: whoever sent them is to blame.
TEST(CustomFails, BytesThatOnlyOneMakes) {
    FewOps::Setup setup = setup_of(test::custom_codec());
    setup.elements = 16;
    const uint32_t bad = (root_of_one_chunk(setup) + 1) % 3;
    setup.codecs[bad] = codec_with([](CodecParts& p) {
        p.encode = [](const Values& in, MutableByteSpan out) -> std::optional<size_t> {
            return *test::custom_encode(in, out) - 1;
        };
    });
    FewOps ops(setup);
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle();
    ASSERT_FALSE(ops.violators.empty());
    for (const uint32_t r : ops.violators) EXPECT_EQ(r, bad);
    for (uint32_t r = 0; r < 3; ++r) EXPECT_FALSE(ops[r].ended_with);
}

// A reducer that is promised finite inputs never sees others.
TEST(CustomFails, NoReducerIsGivenWhatIsNotFinite) {
    for (const bool finite : {true, false}) {
        ReducerParts parts = test::median_parts();
        const auto saw = std::make_shared<bool>(false);
        parts.reduce = [saw](const Contributions& in, MutableByteSpan out) {
            for (const FoldInput& input : in.inputs) *saw |= std::isnan(test::input_at(input, 0));
            return test::median(in, out);
        };
        FewOps::Setup setup{.elements = 1,
                            .reduce = Reduce::custom,
                            .reducer = std::make_shared<CustomReducer>(parts),
                            .finite = finite};
        const uint32_t liar = (root_of_one_chunk(setup) + 1) % 3;
        *saw = false;
        FewOps ops(setup);
        ops[liar].in[0] = NAN;
        for (uint32_t r = 0; r < 3; ++r) ops.post(r);
        ops.settle();
        EXPECT_EQ(*saw, !finite);
        EXPECT_EQ(ops.violators, finite ? std::vector<uint32_t>{liar} : std::vector<uint32_t>{});
        if (!finite) continue;
        ops.alive[liar] = false, ops.evicted[liar] = true;
        for (uint32_t r = 0; r < 3; ++r) {
            if (r != liar) ops.install(r);
        }
        ops.settle();
        for (uint32_t r = 0; r < 3; ++r) EXPECT_TRUE(r == liar || ops[r].ended_with == Code::OK) << r;
    }
}

// Its contribution came whole before it went, and is refused after: nobody else will say that it is out.
TEST(CustomFails, WhoIsGoneIsRefusedAndTheOpGoesOn) {
    for (const bool left_out : {false, true}) {
        FewOps::Setup setup{.elements = 1,
                            .reduce = Reduce::custom,
                            .reducer = std::make_shared<CustomReducer>(test::median_parts()),
                            .finite = true};
        const uint32_t root = root_of_one_chunk(setup), liar = (root + 1) % 3, last = (root + 2) % 3;
        FewOps ops(setup);
        ops[liar].in[0] = NAN;
        ops.post(root), ops.post(liar);
        ops.settle();
        ops.alive[liar] = false, ops.evicted[liar] = !left_out;
        ops.install(root);
        ops.settle();
        ops.post(last);
        ops.install(last);
        ops.settle();
        for (const uint32_t r : {root, last}) EXPECT_EQ(ops[r].ended_with, Code::OK) << r;
        EXPECT_EQ(ops.violators, std::vector<uint32_t>{liar});
    }
}

// Three have to contribute. With one of them refused, the one that was to be gone without is wanted after
// all.
TEST(CustomFails, WhoWasLateIsWantedWhenAnotherIsRefused) {
    FewOps::Setup setup = setup_of(test::custom_codec());
    setup.peers = 4;
    setup.elements = 16;
    setup.min_contributors = 3;
    setup.grace = milliseconds(10);
    setup.codecs.assign(4, test::custom_codec());
    const uint32_t root = root_of_one_chunk(setup), bad = (root + 1) % 4, late = (root + 2) % 4;
    setup.codecs[bad] = codec_with([](CodecParts& p) {
        p.encode = [](const Values& in, MutableByteSpan out) -> std::optional<size_t> {
            return *test::custom_encode(in, out) - 1;
        };
    });
    FewOps ops(setup);
    for (uint32_t r = 0; r < 4; ++r) ops.post(r);
    ops.settle([&](const FewOps::Frame& f) { return f.from == late; });
    ops.now = ops.now + milliseconds(11);
    ops[root].op->on_deadline(ops.now);
    ops.settle([&](const FewOps::Frame& f) { return f.from == late; });
    ASSERT_EQ(ops.violators, std::vector<uint32_t>{bad});
    ops.alive[bad] = false, ops.evicted[bad] = true;
    for (uint32_t r = 0; r < 4; ++r) {
        if (r != bad) ops.install(r);
    }
    ops.settle();
    for (uint32_t r = 0; r < 4; ++r) EXPECT_TRUE(r == bad || ops[r].ended_with == Code::OK) << r;
}

}  // namespace
}  // namespace whim::op
