// A buffer cut into tensors, each in memory of its own, as a training loop has them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "whimbrel/collectives.h"

namespace stress {

// Elements of each. equal: all alike; skewed: as in a model, from a few elements to a good part of all, a few
// of them with most of the bytes. Throws when cut is neither, or there are fewer elements than tensors.
std::vector<size_t> cut_into(const std::string& cut, size_t tensors, size_t elements);

class Tensors {
public:
    // Copies of the pieces of a buffer; outputs are touched.
    Tensors(const std::vector<size_t>& counts, const unsigned char* buffer, size_t element_bytes);
    const std::vector<whim_tensor>& list() const { return list_; }
    bool result_is(const unsigned char* buffer) const;  // behind each other

private:
    std::vector<std::vector<unsigned char>> ins_, outs_;
    std::vector<whim_tensor> list_;
};

}  // namespace stress
