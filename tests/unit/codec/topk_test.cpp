// Goal: top-k keeps exactly the largest, however much is equal, codes their indexes within the stated bytes,
// and refuses what it cannot have written. Method: sorting as a reference, on every instruction set; index
// codes on random and extreme sets, and broken bits.
#include "collectives/codec/topk_codec.h"

#include <algorithm>
#include <numeric>

#include "collectives/kernels/select.h"
#include "tests/unit/codec/cases.h"
#include "tests/unit/kernels/only_target.h"

namespace whim {
namespace {

using namespace test;
using codec::IndexCode;

std::vector<uint32_t> largest_by_sorting(const std::vector<float>& x, size_t k) {
    std::vector<uint32_t> order(x.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return std::fabs(x[a]) > std::fabs(x[b]); });
    order.resize(k);
    std::sort(order.begin(), order.end());
    return order;
}

class SelectOnTarget : public testing::TestWithParam<int64_t> {};

TEST_P(SelectOnTarget, TakesTheLargestAndTheFirstOfEquals) {
    const OnlyTarget only(GetParam());
    Prng random(1);
    for (const Data data : kData) {
        for (const size_t count : {1u, 2u, 15u, 64u, 1000u, 4096u}) {
            const auto x = make_values(data, count, 3e38f, count);
            for (const size_t k : {size_t{1}, count, 1 + random.below(count), (count + 63) / 64}) {
                std::vector<uint32_t> chosen(k);
                kernels::select_largest(x, chosen);
                ASSERT_EQ(chosen, largest_by_sorting(x, k))
                    << static_cast<int>(data) << " " << k << " of " << count;
            }
        }
    }
}

WHIM_INSTANTIATE_FOR_TARGETS(SelectOnTarget);

TEST(IndexCode, RiceParametersAreThoseOfTheTable) {
    EXPECT_EQ(codec::rice_parameter(4096, 32), 6);
    EXPECT_EQ(codec::rice_parameter(4096, 64), 5);
    EXPECT_EQ(codec::rice_parameter(4096, 128), 4);
    EXPECT_EQ(codec::rice_parameter(65536, 655), 6);
    EXPECT_EQ(codec::rice_parameter(64, 64), 0);
    EXPECT_EQ(codec::rice_parameter(65536, 1), 15);
}

std::vector<uint32_t> random_indexes(size_t bound, size_t count, Prng& random) {
    std::vector<uint32_t> all(bound);
    std::iota(all.begin(), all.end(), 0u);
    for (size_t i = 0; i < count; ++i) std::swap(all[i], all[i + random.below(bound - i)]);
    all.resize(count);
    std::sort(all.begin(), all.end());
    return all;
}

TEST(IndexCode, IndexesComeBackWithinTheirBytes) {
    Prng random(2);
    for (const IndexCode code : {IndexCode::packed, IndexCode::rice}) {
        for (const size_t bound : {1u, 2u, 3u, 16u, 1000u, 4096u, 65536u}) {
            for (const size_t count : {size_t{1}, (bound + 63) / 64, (bound + 1) / 2, bound}) {
                std::vector<uint32_t> last(count);  // the largest gap first
                std::iota(last.begin(), last.end(), static_cast<uint32_t>(bound - count));
                for (const auto& indexes : {random_indexes(bound, count, random), last}) {
                    Bytes bytes(codec::index_bytes_max(code, bound, count) + 1, std::byte{0xaa});
                    const size_t written = codec::write_indexes(code, bound, indexes, bytes.data());
                    ASSERT_LT(written, bytes.size());
                    ASSERT_TRUE(code != IndexCode::packed || written == bytes.size() - 1);
                    ASSERT_EQ(bytes.back(), std::byte{0xaa});
                    std::vector<uint32_t> read(count);
                    ASSERT_EQ(codec::read_indexes(code, bound, bytes, read), written)
                        << bound << " " << count;
                    ASSERT_EQ(read, indexes);
                    ASSERT_EQ(codec::read_indexes(code, bound,
                                                  ByteSpan(bytes).first(written > 0 ? written - 1 : 0), read),
                              written > 0 ? std::nullopt : std::optional<size_t>(0));
                }
            }
        }
    }
}

TEST(IndexCode, PairsOfTwelveBitsArePackedAsTheReferenceDoes) {
    const std::vector<uint32_t> indexes = {0x123, 0xabc};
    Bytes bytes(3);
    EXPECT_EQ(codec::write_indexes(IndexCode::packed, 4096, indexes, bytes.data()), 3u);
    EXPECT_EQ(bytes, (Bytes{std::byte{0x23}, std::byte{0xc1}, std::byte{0xab}}));
}

TEST(IndexCode, RiceComesNearTheEntropy) {
    Prng random(3);
    size_t bytes = 0;
    for (int chunk = 0; chunk < 200; ++chunk) {
        Bytes out(codec::index_bytes_max(IndexCode::rice, 4096, 64));
        bytes += codec::write_indexes(IndexCode::rice, 4096, random_indexes(4096, 64, random), out.data());
    }
    EXPECT_LT(static_cast<double>(bytes) * 8 / (200 * 64),
              7.6);  // 7.36 is possible; padding to bytes is included
}

TEST(IndexCode, AnyOtherBitsAreRefusedOrMeanOtherIndexes) {
    Prng random(4);
    for (const IndexCode code : {IndexCode::packed, IndexCode::rice}) {
        for (int trial = 0; trial < 20000; ++trial) {
            const size_t bound = 1 + random.below(200), count = 1 + random.below(bound);
            Bytes bytes(random.below(40));
            for (auto& b : bytes) b = static_cast<std::byte>(random.next());
            std::vector<uint32_t> read(count);
            const auto used = codec::read_indexes(code, bound, bytes, read);
            if (!used) continue;
            ASSERT_LE(*used, bytes.size());
            ASSERT_TRUE(std::is_sorted(read.begin(), read.end()) && read.back() < bound);
            Bytes again(codec::index_bytes_max(code, bound, count));
            again.resize(codec::write_indexes(code, bound, read, again.data()));
            ASSERT_EQ(again, Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*used)));
        }
    }
}

std::vector<std::string> topk_codecs() {
    return {"topk:1/64",
            "topk:1/64,index=packed",
            "topk:1/1,values=none",
            "topk:3/16,chunk=48,values=bf16",
            "topk:1/32,chunk=65536,values=sign",
            "topk:1/8,chunk=256,values=int4,block=16,round=stochastic",
            "topk:1/100,values=uint8,scale=fp16",
            "topk:1/16,values=e4m3,block=whole"};
}

TEST(TopK, KeepsTheLargestAsItsValuesCodecDoes) {
    for (const std::string& text : topk_codecs()) {
        const CodecPtr codec = codec_of(text);
        for (const size_t count : kCounts) {
            const auto x = make_values(Data::heavy, count, codec->magnitude_max(), count + 3);
            const auto y = decoded(*codec, encoded(*codec, {.values = x}), count);
            const auto& topk = dynamic_cast<const TopKCodec&>(*codec);
            for (size_t at = 0; at < count; at += codec->cut_elements()) {
                const size_t end = std::min(at + codec->cut_elements(), count);
                const std::vector<float> chunk(x.begin() + static_cast<std::ptrdiff_t>(at),
                                               x.begin() + static_cast<std::ptrdiff_t>(end));
                const auto kept = largest_by_sorting(chunk, topk.kept(chunk.size()));
                const auto [least, largest] = std::minmax_element(chunk.begin(), chunk.end());
                for (size_t i = at; i < end; ++i) {
                    const bool is_kept =
                        std::binary_search(kept.begin(), kept.end(), static_cast<uint32_t>(i - at));
                    ASSERT_TRUE(is_kept || y[i] == 0) << text << " " << i;
                    ASSERT_TRUE(text.find("values=none") == std::string::npos || y[i] == x[i]);
                    ASSERT_LE(std::fabs(x[i] - y[i]), codec->error_bound(x[i], {*least, *largest})) << text;
                }
            }
        }
    }
}

TEST(TopK, AccumulatesOnlyWhatIsKept) {
    for (const std::string& text : topk_codecs()) {
        const CodecPtr codec = codec_of(text);
        const Bytes bytes =
            encoded(*codec, {.values = make_values(Data::heavy, 5000, 1e3f, 1), .divisor = 3});
        const auto y = decoded(*codec, bytes, 5000);
        std::vector<float> sums(5000, -0.0f), expected = sums;
        for (size_t i = 0; i < y.size(); ++i) {
            volatile float product = 0.7f * y[i];
            if (y[i] != 0) expected[i] = expected[i] + product;
        }
        ASSERT_TRUE(codec->accumulate(bytes, 0.7f, sums).ok());
        for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(sums[i], expected[i]) << text;
    }
}

TEST(TopK, PiecesGiveTheBytesOfTheWhole) {
    for (const std::string& text : topk_codecs()) {
        const CodecPtr codec = codec_of(text);
        const auto x = make_values(Data::heavy, 140000, 1e4f, 5);
        Bytes joined;
        for (size_t at = 0; at < x.size();) {
            const size_t count = std::min((at / 40000 + 1) * codec->cut_elements(), x.size() - at);
            const Bytes piece = encoded(*codec, {.values = std::span(x).subspan(at, count), .first = at});
            joined.insert(joined.end(), piece.begin(), piece.end());
            at += count;
        }
        ASSERT_EQ(joined, encoded(*codec, {.values = x})) << text;
    }
}

TEST(TopK, RefusesBrokenBytes) {
    Prng random(7);
    for (const std::string& text : topk_codecs()) {
        const CodecPtr codec = codec_of(text);
        const Bytes bytes = encoded(*codec, {.values = make_values(Data::heavy, 5000, 1e3f, 1)});
        EXPECT_FALSE(codec->check(ByteSpan(bytes).first(bytes.size() - 1), 5000).ok());
        EXPECT_FALSE(codec->check({}, 5000).ok());
        Bytes longer = bytes;
        longer.push_back(std::byte{0});
        EXPECT_FALSE(codec->check(longer, 5000).ok());
        for (int trial = 0; trial < 200; ++trial) {
            Bytes changed = bytes;
            changed[random.below(changed.size())] ^= static_cast<std::byte>(1 + random.below(255));
            std::vector<float> out(5000, 77);
            const Status status = codec->decode(changed, out);
            if (status.ok()) {
                for (const float y : out) ASSERT_TRUE(std::isfinite(y)) << text;
            } else {
                ASSERT_EQ(status.error().code, Code::E_PROTOCOL);
                ASSERT_EQ(out, std::vector<float>(5000, 77)) << text;
            }
        }
    }
}

TEST(TopK, TextsComeBackAndMistakesAreExplained) {
    for (const std::string& text : topk_codecs())
        EXPECT_EQ(codec_of(codec_of(text)->text())->text(), codec_of(text)->text());
    EXPECT_EQ(codec_of("topk")->text(), "topk:1/64");
    EXPECT_EQ(codec_of("topk:1/8,chunk=256,values=int4,block=16")->text(),
              "topk:1/8,chunk=256,values=int4,block=16");
    for (const auto& [text, detail] : std::initializer_list<std::pair<const char*, const char*>>{
             {"topk:2/1", "'2/1' is no share like 1/64"},
             {"topk:1", "'1' is no share"},
             {"topk:1/64,chunk=17", "chunk=17 is not a multiple of 16"},
             {"topk:1/64,chunk=8", "chunk=8 is not a number from 16 to 65536"},
             {"topk:1/64,index=huffman", "index=huffman is neither rice nor packed"},
             {"topk:1/64,values=topk", "values=topk is none of none, bf16"},
             {"topk:1/64,blk=3",
              "'blk' is no parameter; there are: chunk, index, values, block, scale, round"}}) {
        const auto codec = parse_codec(text);
        ASSERT_FALSE(codec.ok()) << text;
        EXPECT_NE(codec.error().detail.find(detail), std::string::npos) << codec.error().detail;
    }
}

}  // namespace
}  // namespace whim
