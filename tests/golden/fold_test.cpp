// Goal: the arithmetic of folds never changes unnoticed, for members of two versions would compute other
// bits. Method: fold.txt, written by make_vectors.py from the documented rules, is folded on every
// instruction set.
#include <bit>

#include "collectives/reducer/fold.h"
#include "tests/golden/vector_file.h"
#include "tests/unit/kernels/only_target.h"

namespace whim {
namespace {

template <class T>
T by_name(const std::string& name, uint32_t count, std::optional<T> (*from_int)(uint32_t),
          std::string_view (*text)(T)) {
    for (uint32_t i = 0; i < count; ++i) {
        if (text(*from_int(i)) == name) return *from_int(i);
    }
    ADD_FAILURE() << "unknown name " << name;
    return T{};
}

class GoldenFold : public testing::TestWithParam<int64_t> {};

TEST_P(GoldenFold, EveryVectorComesOut) {
    const test::OnlyTarget only(GetParam());
    const auto vectors = test::read_vectors("fold.txt");
    ASSERT_GE(vectors.size(), 200u);
    for (const auto& words : vectors) {
        const auto reduce = by_name(words[0], kReduceCount, reduce_from_int, reduce_name);
        const auto dtype = by_name(words[1], kDtypeCount, dtype_from_int, dtype_name);
        const size_t count = words.size() - 5;  // reduce, dtype, weights, "=", result
        std::vector<Bytes> storage;
        std::vector<FoldInput> inputs;
        for (size_t k = 0; k < count; ++k) storage.push_back(test::from_hex(words[3 + k]));
        for (size_t k = 0; k < count; ++k) {
            const std::string weight = words[2].substr(k * 9, 8);
            inputs.push_back(
                {storage[k], std::bit_cast<float>(static_cast<uint32_t>(std::stoul(weight, nullptr, 16)))});
        }
        Bytes out(storage[0].size());
        fold(reduce, dtype, inputs, out);
        ASSERT_EQ(out, test::from_hex(words.back())) << words[0] << " " << words[1] << " of " << count;
    }
}

WHIM_INSTANTIATE_FOR_TARGETS(GoldenFold);

}  // namespace
}  // namespace whim
