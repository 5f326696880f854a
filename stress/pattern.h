// Inputs that anybody can make again from (seed, peer's name, trial), and the fold they must come to.
//
// Written without the library's own kernels, so that agreeing with them means something.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace stress {

enum class Element { f32, bf16 };
enum class Fold { avg, sum };

size_t element_bytes(Element element);

struct Contribution {
    uint64_t key = 0;     // key_of()
    float weight = 1.0f;  // weight_of()
};

uint64_t key_of(uint64_t seed, const std::string& name, uint64_t trial);
float weight_of(uint64_t key);  // for avg: 1 to 4, not all powers of two

// Writes elements [first, first + count) of the input to out.
void make_input(uint64_t key, Element element, size_t first, size_t count, void* out);

// The same of f32 values whose shares are those of a gradient's: near a bell, most of them small.
void make_gradient(uint64_t key, size_t first, size_t count, float* out);

// Index of the first element of [first, first + count) that is not the fold of the contributions in their
// order, or first + count. result points to element `first`.
size_t first_wrong(const std::vector<Contribution>& contributions, Element element, Fold fold, size_t first,
                   size_t count, const void* result);

// The same where the order of the fold is another one: first element that is farther from the fold than
// rounding can take it, of f32.
size_t first_far(const std::vector<Contribution>& contributions, Fold fold, size_t first, size_t count,
                 const float* result);

}  // namespace stress
