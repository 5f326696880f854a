// Goal: the state digest changes with anything that differs (bytes, name, type, order, boundaries) and with
// nothing else, and the differing tensor is named. Method: small states, one change each; golden vectors of
// the format are in tests/golden.
#include "state/digest.h"

#include <gtest/gtest.h>

#include <set>

namespace whim {
namespace {

struct Tensor {
    std::string name;
    Dtype dtype;
    Bytes bytes;
};

Bytes bytes_of(std::initializer_list<int> values) {
    Bytes out;
    for (const int v : values) out.push_back(static_cast<std::byte>(v));
    return out;
}

StateDigest digest_all(const std::vector<Tensor>& tensors) {
    StateDigest digest;
    for (const Tensor& tensor : tensors) digest.add(tensor.name, tensor.dtype, tensor.bytes);
    return digest;
}

const std::vector<Tensor> kState = {{"a", Dtype::f32, bytes_of({1, 2, 3, 4})},
                                    {"b", Dtype::f32, bytes_of({5, 6, 7, 8})},
                                    {"c", Dtype::u8, {}}};

TEST(StateDigest, IsEqualForEqualStatesAndDiffersForEveryChange) {
    std::vector<std::vector<Tensor>> states(9, kState);
    states[1][0].bytes[3] = std::byte{9};
    states[2][0].name = "A";
    states[3][0].dtype = Dtype::i32;
    std::swap(states[4][0], states[4][1]);
    states[5].pop_back();
    states[6][2].bytes = bytes_of({0});
    states[7] = {{"ab", Dtype::f32, bytes_of({1, 2, 3, 4, 5, 6, 7, 8})}, {"c", Dtype::u8, {}}};
    states[8].clear();
    std::set<std::string> seen;
    for (const auto& state : states) {
        const std::string text = to_hex(digest_all(state).finish());
        EXPECT_TRUE(seen.insert(text).second) << "two states share a digest";
        EXPECT_EQ(to_hex(digest_all(state).finish()), text);
    }
}

TEST(StateDigest, PiecesDoNotMatter) {
    StateDigest pieces;
    for (const Tensor& tensor : kState) {
        pieces.begin(tensor.name, tensor.dtype);
        for (const std::byte b : tensor.bytes) pieces.append(ByteSpan(&b, 1)), pieces.append({});
        pieces.end();
    }
    EXPECT_EQ(pieces.finish(), digest_all(kState).finish());
    EXPECT_EQ(pieces.tensors(), digest_all(kState).tensors());
}

TEST(StateDigest, FinishMayBeAskedMidwayAndAgain) {
    StateDigest digest;
    digest.add("a", Dtype::f32, kState[0].bytes);
    const Digest first = digest.finish();
    EXPECT_EQ(digest.finish(), first);
    digest.add("b", Dtype::f32, kState[1].bytes);
    EXPECT_NE(digest.finish(), first);
    EXPECT_EQ(digest.finish(), digest_of(digest.tensors()));
}

TEST(StateDigest, NamesTheTensorsThatDiffer) {
    std::vector<Tensor> other = kState;
    other[1].bytes[0] = std::byte{0};
    other.push_back({"d", Dtype::f32, {}});
    const StateDigest a = digest_all(kState), b = digest_all(other);
    EXPECT_EQ(differing_tensors(a.tensors(), b.tensors()), (std::vector<std::string>{"b", "d"}));
    EXPECT_EQ(differing_tensors(b.tensors(), a.tensors()), (std::vector<std::string>{"b", "d"}));
    EXPECT_TRUE(differing_tensors(a.tensors(), a.tensors()).empty());
    std::swap(other[0], other[1]);
    EXPECT_EQ(differing_tensors(a.tensors(), digest_all(other).tensors()),
              (std::vector<std::string>{"a", "b", "d"}));
}

// The reference value of XXH3-128 of nothing (xxHash's own test suite), in canonical form.
TEST(StateDigest, DigestOfNothing) {
    EXPECT_EQ(to_hex(digest_of(ByteSpan{})), "99aa06d3014798d86001c324468d497f");
}

TEST(StateDigest, OneTensorAtATime) {
    StateDigest digest;
    EXPECT_DEATH(digest.end(), "open_");
    EXPECT_DEATH(digest.append({}), "open_");
    digest.begin("a", Dtype::f32);
    EXPECT_DEATH(digest.begin("b", Dtype::f32), "open_");
    EXPECT_DEATH(digest.finish(), "open_");
}

}  // namespace
}  // namespace whim
