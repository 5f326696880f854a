// Goal: a reducer of the application gives its result also over the memory of an input, what it does wrong is
// seen and harms nothing, and the battery names the broken property of a wrong one. Method: a median, and
// versions of it that break one rule each.
#include <gtest/gtest.h>

#include <cmath>

#include "collectives/reducer/conformance.h"
#include "tests/unit/codec/report.h"
#include "tests/unit/reducer/custom_parts.h"

namespace whim {
namespace {

using namespace test;

const uint32_t kRanks[] = {0, 2, 5};

Status reduce(const ReducerParts& parts, std::vector<std::vector<float>>& inputs, std::span<float> out) {
    std::vector<FoldInput> folds;
    for (const auto& input : inputs) folds.push_back({std::as_bytes(std::span(input)), 1.0f});
    std::vector<std::byte> room;
    return CustomReducer(parts).reduce({.inputs = folds, .ranks = kRanks}, std::as_writable_bytes(out), room);
}

TEST(CustomReducer, OverAnInput) {
    std::vector<std::vector<float>> inputs = {{1, 9, 3}, {4, 5, 6}, {7, 1, 8}};
    ASSERT_TRUE(reduce(median_parts(), inputs, inputs[1]).ok());
    EXPECT_EQ(inputs[1], (std::vector<float>{4, 5, 6}));
    inputs = {{1, 9, 3}, {40, 50, 60}, {7, 1, 8}};
    ASSERT_TRUE(reduce(median_parts(), inputs, inputs[1]).ok());
    EXPECT_EQ(inputs[1], (std::vector<float>{7, 9, 8}));
}

TEST(CustomReducer, WhatItDoesWrong) {
    std::vector<std::vector<float>> inputs = {{1, 2}, {1, 2}, {1, 2}};
    std::vector<float> out(2, 77);
    ReducerParts parts = median_parts();
    parts.reduce = [](const Contributions& in, MutableByteSpan out) {
        out.data()[out.size()] = std::byte{1};
        return median(in, out);
    };
    const Status wrote = reduce(parts, inputs, out);
    EXPECT_EQ(wrote.error().code, Code::E_BROKEN_CONTRACT);
    EXPECT_EQ(wrote.error().detail,
              "reducer test-median wrote beyond its result with 2 elements of 3 contributors");
    parts.reduce = [](const Contributions&, MutableByteSpan) { return false; };
    EXPECT_EQ(reduce(parts, inputs, out).error().code, Code::E_BROKEN_CONTRACT);
    EXPECT_EQ(out, std::vector<float>(2, 77));
}

TEST(CustomReducer, ByName) {
    ReducerParts parts = median_parts();
    parts.parameters = "f=1";
    const CustomReducers known = {{"test-median", std::make_shared<CustomReducer>(parts)}};
    EXPECT_EQ((*find_reducer("test-median", known))->text(), "test-median:f=1");
    EXPECT_TRUE(find_reducer("test-median:f=1", known).ok());
    EXPECT_EQ(find_reducer("test-median:f=2", known).error().code, Code::E_MISMATCH);
    EXPECT_EQ(find_reducer("test-mean", known).error().code, Code::E_MISMATCH);
    EXPECT_EQ(find_reducer("median", known).error().code, Code::E_INVALID);
}

TEST(CustomReducer, DescriptionsThatAreNone) {
    for (void (*change)(ReducerParts&) : {
             +[](ReducerParts& p) { p.name = "median"; },
             +[](ReducerParts& p) { p.dtypes = 0; },
             +[](ReducerParts& p) { p.dtypes = 1u << kDtypeCount; },
             +[](ReducerParts& p) { p.min_contributors = 0; },
             +[](ReducerParts& p) { p.min_contributors = 1025; },
             +[](ReducerParts& p) { p.reduce = nullptr; },
         }) {
        ReducerParts parts = median_parts();
        EXPECT_TRUE(check_reducer(parts).ok());
        change(parts);
        EXPECT_EQ(check_reducer(parts).error().code, Code::E_INVALID);
    }
}

// Any bytes of any type: a fold that knows no numbers.
bool first_contribution(const Contributions& in, MutableByteSpan out) {
    std::copy(in.inputs[0].bytes.begin(), in.inputs[0].bytes.end(), out.begin());
    return true;
}

TEST(ReducerConformance, GoodOnes) {
    const auto report = reducer_conformance(median_parts());
    EXPECT_TRUE(report.good) << report.text;
    EXPECT_NE(report.text.find("all 5 properties hold"), std::string::npos) << report.text;
    ReducerParts parts = median_parts();
    parts.dtypes = (1u << kDtypeCount) - 1;
    parts.min_contributors = 3;
    parts.reduce = first_contribution;
    EXPECT_TRUE(reducer_conformance(parts).good) << reducer_conformance(parts).text;
}

struct Wrong {
    const char* property;
    const char* words;
    void (*change)(ReducerParts& parts);
};

class WrongReducer : public testing::TestWithParam<Wrong> {};

TEST_P(WrongReducer, IsCaughtByName) {
    ReducerParts parts = median_parts();
    GetParam().change(parts);
    const auto report = reducer_conformance(parts);
    ASSERT_FALSE(report.good);
    test::expect_named(report.text, GetParam().property, GetParam().words);
}

const Wrong kWrong[] = {
    {"bounds", "outside its result",
     [](ReducerParts& p) {
         p.reduce = [](const Contributions& in, MutableByteSpan out) {
             out.data()[out.size()] = std::byte{0};
             return median(in, out);
         };
     }},
    {"accepts", "it fails",
     [](ReducerParts& p) {
         p.reduce = [](const Contributions& in, MutableByteSpan out) {
             return in.inputs.size() % 2 == 1 && median(in, out);
         };
     }},
    {"inputs", "changes its inputs",
     [](ReducerParts& p) {
         p.reduce = [](const Contributions& in, MutableByteSpan out) {  // sorts in place, it may have thought
             const ByteSpan first = in.inputs[0].bytes;
             if (!first.empty()) const_cast<std::byte*>(first.data())[0] ^= std::byte{1};
             return median(in, out);
         };
     }},
    {"repeats", "the second time",
     [](ReducerParts& p) {
         auto anchor = std::make_shared<float>(0);
         p.reduce = [anchor](const Contributions& in, MutableByteSpan out) {  // remembers the last result
             median(in, out);
             if (out.empty()) return true;
             float x;
             std::memcpy(&x, out.data(), sizeof x);
             const float moved = 0.5f * x + 0.5f * *anchor;
             std::memcpy(out.data(), &moved, sizeof moved);
             *anchor = std::isfinite(moved) ? moved : 0;
             return true;
         };
     }},
    {"repeats", "leaves elements unwritten",
     [](ReducerParts& p) {
         p.reduce = [](const Contributions& in, MutableByteSpan out) {
             const size_t even = out.size() / 8 * 8;  // the odd last element is forgotten
             std::vector<FoldInput> inputs(in.inputs.begin(), in.inputs.end());
             for (FoldInput& input : inputs) input.bytes = input.bytes.first(even);
             return median({.inputs = inputs, .ranks = in.ranks}, out.first(even));
         };
     }},
    {"elementwise", "becomes another",
     [](ReducerParts& p) {
         p.reduce = [](const Contributions& in, MutableByteSpan out) {  // the nearest whole input: Krum's way
             std::vector<float> norms;
             for (const FoldInput& input : in.inputs) {
                 float norm = 0;
                 for (size_t i = 0; i < out.size() / 4; ++i) norm += std::fabs(input_at(input, i));
                 norms.push_back(norm);
             }
             const auto least = std::min_element(norms.begin(), norms.end()) - norms.begin();
             const ByteSpan from = in.inputs[static_cast<size_t>(least)].bytes;
             std::copy(from.begin(), from.end(), out.begin());
             return true;
         };
     }},
};

INSTANTIATE_TEST_SUITE_P(Conformance, WrongReducer, testing::ValuesIn(kWrong), [](const auto& info) {
    return std::string(info.param.property) + std::to_string(info.index);
});

}  // namespace
}  // namespace whim
