// Statistics of measured times: nothing but sorting.
#pragma once

#include <vector>

namespace stress {

// Value below which the share `part` of a list lies, between neighbours by proportion; part is in [0, 1] and
// the list is not empty. quantile(values, 0) is the least.
double quantile(std::vector<double> values, double part);

// Median of a list that is not empty.
double median(std::vector<double> values);

}  // namespace stress
