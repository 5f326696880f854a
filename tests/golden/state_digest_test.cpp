// Goal: the digest of shared state is the documented one, for members compare digests across versions.
// Method: state_digest.txt, written by make_vectors.py with another XXH3 binding, is hashed whole and in
// pieces.
#include "state/digest.h"
#include "tests/golden/vector_file.h"

namespace whim {
namespace {

Bytes pattern(size_t length) {
    Bytes out(length);
    for (size_t i = 0; i < length; ++i) out[i] = static_cast<std::byte>(i * 31 + 7 + (i >> 8));
    return out;
}

TEST(GoldenStateDigest, EveryVectorComesOut) {
    StateDigest whole, pieces;
    size_t tensors = 0;
    for (const auto& words : test::read_vectors("state_digest.txt")) {
        if (words[0] == "state") {
            EXPECT_EQ(to_hex(whole.finish()), words[1]);
            EXPECT_EQ(to_hex(pieces.finish()), words[1]);
            continue;
        }
        const Dtype dtype = *dtype_from_int(static_cast<uint32_t>(std::stoul(words[2])));
        const Bytes bytes = pattern(std::stoul(words[3]));
        whole.add(words[1], dtype, bytes);
        pieces.begin(words[1], dtype);
        for (size_t at = 0; at < bytes.size(); at += 1000) {
            pieces.append(ByteSpan(bytes).subspan(at, std::min<size_t>(1000, bytes.size() - at)));
        }
        pieces.end();
        EXPECT_EQ(to_hex(whole.tensors().back().digest), words[4]) << words[1];
        ++tensors;
    }
    EXPECT_EQ(tensors, 7u);
}

}  // namespace
}  // namespace whim
