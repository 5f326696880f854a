// Ratios of many contenders over sizes, drawn: a panel for each network, a line for each contender.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "stress/peers/rounds.h"

namespace stress {

class Picture {
public:
    // What 1 stands for, in words: "time, over the ideal".
    explicit Picture(std::string ratio_of) : ratio_of_(std::move(ratio_of)) {}

    // The times of all that have figures, over `one_s` seconds. Panels and lines come in the order of their
    // first point.
    void add(const std::string& panel, uint64_t bytes, const std::vector<Pooled>& best, double one_s);

    // SVG: medians on a logarithmic axis, and from the 10th to the 90th percentile.
    void draw(std::ostream& out) const;

private:
    struct Point {
        size_t panel, size, line;
        double low, typical, high;
    };
    std::string ratio_of_;
    std::vector<std::string> panels_, lines_;
    std::vector<uint64_t> sizes_;
    std::vector<Point> points_;
};

// Throws when it cannot.
void write_picture(const Picture& picture, const std::string& path);

}  // namespace stress
