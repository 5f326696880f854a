// Cutting: equal or skewed; what is left by rounding goes to the last ones, or the largest.
#include "tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "base/prng.h"

namespace stress {

std::vector<size_t> cut_into(const std::string& cut, size_t tensors, size_t elements) {
    if (tensors == 0 || tensors > elements) throw std::runtime_error("--tensors: from 1 to the elements");
    std::vector<size_t> counts;
    if (cut == "equal") {
        for (size_t t = 0; t < tensors; ++t)
            counts.push_back(elements * (t + 1) / tensors - elements * t / tensors);
        return counts;
    }
    if (cut != "skewed") throw std::runtime_error("--cut is equal or skewed");
    // Each is as likely to be ten times as long as any other: five decades.
    whim::Prng prng(1);
    std::vector<double> shares;
    double all = 0;
    for (size_t t = 0; t < tensors; ++t) all += shares.emplace_back(std::pow(10.0, 5 * prng.unit_float()));
    size_t left = elements - tensors;
    for (const double share : shares) {
        const auto more = static_cast<size_t>(static_cast<double>(elements - tensors) * share / all);
        counts.push_back(1 + std::min(left, more));
        left -= counts.back() - 1;
    }
    *std::max_element(counts.begin(), counts.end()) += left;
    return counts;
}

Tensors::Tensors(const std::vector<size_t>& counts, const unsigned char* buffer, size_t element_bytes) {
    for (const size_t count : counts) {
        const size_t bytes = count * element_bytes;
        ins_.emplace_back(buffer, buffer + bytes);
        outs_.emplace_back(bytes);
        buffer += bytes;
        list_.push_back({ins_.back().data(), outs_.back().data(), count});
    }
}

bool Tensors::result_is(const unsigned char* buffer) const {
    for (const auto& out : outs_) {
        if (std::memcmp(out.data(), buffer, out.size()) != 0) return false;
        buffer += out.size();
    }
    return true;
}

}  // namespace stress
