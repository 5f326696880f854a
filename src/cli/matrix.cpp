// Shades span from the least to the highest cost of a picture, in equal ratios.
#include "cli/matrix.h"
#include "cli/words.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace whim::cli {
namespace {

// From 0, the least cost, to 1; nothing differs when all cost the same.
class Shades {
public:
    explicit Shades(const Matrix& matrix) {
        for (const Matrix::Cell& cell : matrix.cells) {
            if (!cell.cost) continue;
            least_ = least_ ? std::min(*least_, *cell.cost) : *cell.cost;
            most_ = std::max(most_, *cell.cost);
        }
    }
    double of(double cost) const {
        if (!least_ || most_ <= *least_) return 0;
        return std::log(cost / *least_) / std::log(most_ / *least_);
    }

private:
    std::optional<double> least_;
    double most_ = 0;
};

std::string block(double shade) {
    constexpr std::array<const char*, 5> kBlocks = {" ", "░", "▒", "▓", "█"};
    return kBlocks[static_cast<size_t>(std::lround(shade * (kBlocks.size() - 1)))];
}

constexpr size_t kCell = 96, kRow = 28, kLabel = 220, kGap = 24;

std::string label(size_t x, size_t y, const char* anchor, const std::string& text) {
    return fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, escaped(text));
}

std::string svg_part(const Matrix& m, size_t top) {
    const Shades shades(m);
    std::string out = label(0, top + 18, "start", m.title);
    for (size_t column = 0; column < m.members.size(); ++column) {
        out += label(kLabel + column * kCell + kCell / 2, top + 18, "middle", std::to_string(column));
    }
    for (size_t row = 0; row < m.members.size(); ++row) {
        const size_t y = top + (row + 1) * kRow;
        out += label(0, y + 18, "start", fmt::format("{} {}", row, m.members[row]));
        for (size_t column = 0; column < m.members.size(); ++column) {
            const Matrix::Cell& cell = m.at(row, column);
            const size_t x = kLabel + column * kCell;
            const double shade = cell.cost ? shades.of(*cell.cost) : 0;
            const auto pale = static_cast<int>(std::lround(250 - 130 * shade));
            const std::string fill = cell.cost ? fmt::format("rgb(250,{},{})", pale, pale) : "#eee";
            out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>\n", x, y,
                               kCell - 2, kRow - 2, fill);
            out += label(x + kCell / 2, y + 18, "middle", cell.text);
        }
    }
    return out;
}

}  // namespace

std::string text_of(const Matrix& m) {
    const Shades shades(m);
    std::string out = fmt::format("{:<34}", m.title);
    for (size_t column = 0; column < m.members.size(); ++column) out += fmt::format(" {:>11}", column);
    out += '\n';
    for (size_t row = 0; row < m.members.size(); ++row) {
        out += fmt::format("{:>3} {:<30.30}", row, m.members[row]);
        for (size_t column = 0; column < m.members.size(); ++column) {
            const Matrix::Cell& cell = m.at(row, column);
            const std::string text = row == column ? "." : cell.text;
            out += fmt::format(" {} {:>9}", cell.cost ? block(shades.of(*cell.cost)) : " ", text);
        }
        out += '\n';
    }
    return out;
}

std::string svg_of(const std::vector<Matrix>& matrices) {
    std::string parts;
    size_t top = 0, width = 0;
    for (const Matrix& m : matrices) {
        parts += svg_part(m, top);
        top += (m.members.size() + 1) * kRow + kGap;
        width = std::max(width, kLabel + m.members.size() * kCell);
    }
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" "
        "font-family=\"sans-serif\" font-size=\"13\">\n{}</svg>\n",
        width, top, parts);
}

}  // namespace whim::cli
