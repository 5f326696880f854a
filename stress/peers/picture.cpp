// Sizes stand side by side, as far from each other whatever they are.
#include "stress/peers/picture.h"

#include <fmt/ostream.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "stress/sizes.h"
#include "stress/statistics.h"

namespace stress {
namespace {

constexpr double kWidth = 300, kHeight = 200, kGap = 40, kLeft = 50, kLegend = 150, kShift = 4;
constexpr double kRow = kHeight + 1.5 * kGap;
constexpr size_t kColumns = 3;
constexpr double kTicks[] = {0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100};
constexpr const char* kColours[] = {"#08306b", "#3182bd", "#238b45", "#74c476",
                                    "#e6550d", "#7a0177", "#636363"};

const char* colour_of(size_t line) { return kColours[line % std::size(kColours)]; }

template <class T> size_t index_of(std::vector<T>& all, const T& one) {
    const auto found = std::find(all.begin(), all.end(), one);
    const auto index = static_cast<size_t>(found - all.begin());
    if (found == all.end()) all.push_back(one);
    return index;
}

// The part of the picture that shows one panel.
struct Area {
    double left, top, lowest, highest;  // the last two: of the axis
    size_t sizes;

    double x(size_t size) const {
        return left + kWidth * (static_cast<double>(size) + 0.5) / static_cast<double>(sizes);
    }
    double y(double ratio) const {
        return top + kHeight * std::log(highest / ratio) / std::log(highest / lowest);
    }
};

void draw_axes(std::ostream& out, const Area& area, const std::vector<uint64_t>& sizes) {
    for (const double tick : kTicks) {
        if (tick < area.lowest || tick > area.highest) continue;
        fmt::print(out,
                   "<path stroke=\"{}\" d=\"M{:.1f} {:.1f} h{}\"/>\n"
                   "<text text-anchor=\"end\" x=\"{:.1f}\" y=\"{:.1f}\">{:g}</text>\n",
                   tick == 1 ? "#444" : "#ddd", area.left, area.y(tick), kWidth, area.left - 4,
                   area.y(tick) + 4, tick);
    }
    for (size_t i = 0; i < sizes.size(); ++i)
        fmt::print(out, "<text text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", area.x(i),
                   area.top + kHeight + 14, size_text(sizes[i]));
}

void draw_spread(std::ostream& out, const char* colour, double x, double y, double y_low, double y_high) {
    fmt::print(out,
               "<circle fill=\"{}\" r=\"3\" cx=\"{:.1f}\" cy=\"{:.1f}\"/>\n"
               "<path stroke=\"{}\" d=\"M{:.1f} {:.1f} V{:.1f}\"/>\n",
               colour, x, y, colour, x, y_low, y_high);
}

}  // namespace

void Picture::add(const std::string& panel, uint64_t bytes, const std::vector<Pooled>& best, double one_s) {
    for (const auto& each : best) {
        if (!each.failure.empty()) continue;
        const auto ratio = [&](double share) { return quantile(each.seconds, share) / one_s; };
        points_.push_back({index_of(panels_, panel), index_of(sizes_, bytes),
                           index_of(lines_, each.contender.name()), ratio(0.1), ratio(0.5), ratio(0.9)});
    }
}

// Where everything is: panels in rows, below them the names of the lines.
struct Picture::Layout {
    double lowest, highest;  // of all axes
    size_t panels, lines, sizes;

    Area area(size_t panel) const {
        return {kLeft + static_cast<double>(panel % kColumns) * (kWidth + kGap),
                kGap + static_cast<double>(panel / kColumns) * kRow, lowest, highest, sizes};
    }
    double legend_y() const {
        const size_t rows = (panels + kColumns - 1) / kColumns;
        return kGap + static_cast<double>(rows) * kRow - 10;
    }
    double legend_x(size_t line) const { return kLeft + static_cast<double>(line) * kLegend; }
    double width() const {
        const auto columns = static_cast<double>(std::min(kColumns, panels));
        return std::max(kLeft + columns * (kWidth + kGap), legend_x(lines));
    }
    double height() const { return legend_y() + 20; }
    // Lines are side by side, so that their spreads can be told apart.
    double shift(size_t line) const {
        return kShift * (static_cast<double>(line) - (static_cast<double>(lines) - 1) / 2);
    }
};

Picture::Layout Picture::layout() const {
    double lowest = 0.9, highest = 1.1;
    for (const Point& point : points_) {
        lowest = std::min(lowest, point.low);
        highest = std::max(highest, point.high);
    }
    return {lowest / 1.1, highest * 1.1, panels_.size(), lines_.size(), sizes_.size()};
}

void Picture::draw(std::ostream& out) const {
    const Layout where = layout();
    fmt::print(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"11\" "
               "width=\"{}\" height=\"{}\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
               "<text x=\"{}\" y=\"14\" font-size=\"13\">{}</text>\n",
               where.width(), where.height(), kLeft, ratio_of_);
    for (size_t panel = 0; panel < panels_.size(); ++panel) draw_panel(out, where, panel);
    for (size_t line = 0; line < lines_.size(); ++line) draw_line(out, where, line);
    out << "</svg>\n";
}

void Picture::draw_panel(std::ostream& out, const Layout& where, size_t panel) const {
    const Area area = where.area(panel);
    fmt::print(out, "<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", area.left, area.top - 6, panels_[panel]);
    draw_axes(out, area, sizes_);
}

void Picture::draw_line(std::ostream& out, const Layout& where, size_t line) const {
    for (size_t panel = 0; panel < panels_.size(); ++panel) draw_line_in(out, where, line, panel);
    fmt::print(out, "<text fill=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", colour_of(line),
               where.legend_x(line), where.legend_y(), lines_[line]);
}

void Picture::draw_line_in(std::ostream& out, const Layout& where, size_t line, size_t panel) const {
    const Area area = where.area(panel);
    std::string medians;
    for (const Point& point : points_) {
        if (point.line != line || point.panel != panel) continue;
        const double x = area.x(point.size) + where.shift(line), y = area.y(point.typical);
        medians += fmt::format("{}{:.1f} {:.1f}", medians.empty() ? "M" : " L", x, y);
        draw_spread(out, colour_of(line), x, y, area.y(point.low), area.y(point.high));
    }
    if (medians.empty()) return;
    fmt::print(out, "<path fill=\"none\" stroke=\"{}\" stroke-opacity=\"0.5\" d=\"{}\"/>\n", colour_of(line),
               medians);
}

PictureFile::PictureFile(std::string path) : path_(std::move(path)) {
    if (!path_.empty() && !std::ofstream(path_, std::ios::app))
        throw std::runtime_error("--svg: cannot write " + path_ + ": " + std::strerror(errno));
}

bool PictureFile::show(const Picture& picture) const {
    if (path_.empty()) return true;
    std::ofstream file(path_);
    picture.draw(file);
    if (file.flush()) return true;
    std::fprintf(stderr, "--svg: cannot write %s: %s\n", path_.c_str(), std::strerror(errno));
    return false;
}

}  // namespace stress
