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
    struct Layout;
    Layout layout() const;
    void draw_panel(std::ostream& out, const Layout& where, size_t panel) const;
    void draw_line(std::ostream& out, const Layout& where, size_t line) const;
    void draw_line_in(std::ostream& out, const Layout& where, size_t line, size_t panel) const;

    std::string ratio_of_;
    std::vector<std::string> panels_, lines_;
    std::vector<uint64_t> sizes_;
    std::vector<Point> points_;
};

// The file of --svg, or none when its name is empty. A run can take hours: what cannot be written is found
// out before it, and each cell is drawn when it is there, so that a run that is broken off leaves the cells
// before.
class PictureFile {
public:
    // Throws when it cannot be written; what it holds stays until something is drawn.
    explicit PictureFile(std::string path);

    // In place of what it holds. False, with a word on stderr, when it cannot: there is more to measure.
    bool show(const Picture& picture) const;

private:
    const std::string path_;
};

}  // namespace stress
