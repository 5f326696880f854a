// Sizes stand side by side, as far from each other whatever they are.
#include "stress/peers/picture.h"

#include <fmt/ostream.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <stdexcept>

#include "stress/peers/report.h"
#include "stress/statistics.h"

namespace stress {
namespace {

constexpr double kWidth = 300, kHeight = 200, kGap = 40, kLeft = 50, kLegend = 150;
constexpr size_t kColumns = 3;
constexpr double kTicks[] = {0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100};
constexpr const char* kColours[] = {"#08306b", "#3182bd", "#238b45", "#74c476",
                                    "#e6550d", "#7a0177", "#636363"};

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

}  // namespace

void Picture::add(const std::string& panel, uint64_t bytes, const std::vector<Pooled>& best, double one_s) {
    for (const auto& each : best) {
        if (!each.failure.empty()) continue;
        const auto ratio = [&](double share) { return quantile(each.seconds, share) / one_s; };
        points_.push_back({index_of(panels_, panel), index_of(sizes_, bytes),
                           index_of(lines_, each.contender.name()), ratio(0.1), ratio(0.5), ratio(0.9)});
    }
}

void Picture::draw(std::ostream& out) const {
    double lowest = 0.9, highest = 1.1;
    for (const Point& point : points_) {
        lowest = std::min(lowest, point.low);
        highest = std::max(highest, point.high);
    }
    const auto area_of = [&](size_t panel) {
        return Area{kLeft + static_cast<double>(panel % kColumns) * (kWidth + kGap),
                    kGap + static_cast<double>(panel / kColumns) * (kHeight + 1.5 * kGap), lowest / 1.1,
                    highest * 1.1, sizes_.size()};
    };
    const size_t columns = std::min(kColumns, panels_.size());
    const size_t rows = (panels_.size() + kColumns - 1) / kColumns;
    const double legend = kGap + static_cast<double>(rows) * (kHeight + 1.5 * kGap) - 10;
    fmt::print(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"11\" "
               "width=\"{}\" height=\"{}\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
               "<text x=\"{}\" y=\"14\" font-size=\"13\">{}</text>\n",
               kLeft + std::max(static_cast<double>(columns) * (kWidth + kGap),
                                static_cast<double>(lines_.size()) * kLegend),
               legend + 20, kLeft, ratio_of_);
    for (size_t panel = 0; panel < panels_.size(); ++panel) {
        const Area area = area_of(panel);
        fmt::print(out, "<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", area.left, area.top - 6,
                   panels_[panel]);
        draw_axes(out, area, sizes_);
    }
    for (size_t line = 0; line < lines_.size(); ++line) {
        const char* colour = kColours[line % std::size(kColours)];
        // Side by side, so that the spreads can be told apart.
        const double shift = 4 * (static_cast<double>(line) - static_cast<double>(lines_.size() - 1) / 2);
        for (size_t panel = 0; panel < panels_.size(); ++panel) {
            std::string medians;
            for (const Point& point : points_) {
                if (point.line != line || point.panel != panel) continue;
                const Area area = area_of(panel);
                const double x = area.x(point.size) + shift;
                medians +=
                    fmt::format("{}{:.1f} {:.1f}", medians.empty() ? "M" : " L", x, area.y(point.typical));
                fmt::print(out,
                           "<circle fill=\"{}\" r=\"3\" cx=\"{:.1f}\" cy=\"{:.1f}\"/>\n"
                           "<path stroke=\"{}\" d=\"M{:.1f} {:.1f} V{:.1f}\"/>\n",
                           colour, x, area.y(point.typical), colour, x, area.y(point.low),
                           area.y(point.high));
            }
            if (!medians.empty())
                fmt::print(out, "<path fill=\"none\" stroke=\"{}\" stroke-opacity=\"0.5\" d=\"{}\"/>\n",
                           colour, medians);
        }
        fmt::print(out, "<text fill=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", colour,
                   kLeft + static_cast<double>(line) * kLegend, legend, lines_[line]);
    }
    out << "</svg>\n";
}

void write_picture(const Picture& picture, const std::string& path) {
    std::ofstream file(path);
    picture.draw(file);
    if (!file.flush()) throw std::runtime_error("--svg: cannot write " + path);
}

}  // namespace stress
