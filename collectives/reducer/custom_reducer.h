// Reducers made by the application: how one is described, and what calls it.
//
// CustomReducer gives the application's function memory of its own for the result, with guard bytes behind,
// and copies on what it made: inputs may be the memory of the result, and what a function wrote beyond its
// room is E_BROKEN_CONTRACT, as is its failure. What only a comparison shows, reducer_conformance() looks
// for.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/status.h"
#include "collectives/kernels/fold.h"

namespace whim {

// What is reduced: contributions of equal length in rank order, aligned as their dtype, and whose each is.
struct Contributions {
    Dtype dtype = Dtype::f32;
    std::span<const FoldInput> inputs;
    std::span<const uint32_t> ranks;
};

// The function may be called by several threads at once.
struct ReducerParts {
    std::string name;               // base/custom_name.h
    std::string parameters;         // part of text()
    uint32_t dtypes = 0;            // 1 << Dtype for each it takes
    bool elementwise = false;       // an element of the result depends on that element of the inputs alone
    bool uniform = false;           // it needs one contributor set for the whole op
    uint32_t min_contributors = 1;  // it is never called with fewer
    // Whether it could; out is as long as each input and overlaps none.
    std::function<bool(const Contributions& in, MutableByteSpan out)> reduce;
};

// E_INVALID, naming the member, when it describes no reducer.
Status check_reducer(const ReducerParts& parts);

class CustomReducer {
public:
    explicit CustomReducer(ReducerParts parts) : parts_(std::move(parts)) {}  // asserted: check_reducer is OK

    std::string text() const;
    bool takes(Dtype dtype) const { return (parts_.dtypes >> static_cast<uint32_t>(dtype) & 1u) != 0; }
    bool elementwise() const { return parts_.elementwise; }
    bool uniform() const { return parts_.uniform; }
    uint32_t min_contributors() const { return parts_.min_contributors; }

    // in into out, which may be one of the inputs. room: scratch of the calling thread, grown as needed.
    // E_BROKEN_CONTRACT when the function failed or wrote beyond; out is then as it was.
    Status reduce(const Contributions& in, MutableByteSpan out, std::vector<std::byte>& room) const;

private:
    const ReducerParts parts_;
};

using ReducerPtr = std::shared_ptr<const CustomReducer>;

// The application's own reducers, by name.
using CustomReducers = std::map<std::string, ReducerPtr, std::less<>>;

// By name, or by the whole text. E_INVALID when it can be no reducer's; E_MISMATCH when there is none such.
Result<ReducerPtr> find_reducer(std::string_view text, const CustomReducers& custom);

}  // namespace whim
