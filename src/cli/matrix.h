// A figure for each pair of members as a picture: shaded text for terminals, an SVG for reports.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace whim::cli {

struct Matrix {
    std::string title;
    std::vector<std::string> members;
    struct Cell {
        std::string text;            // "" where nothing is known
        std::optional<double> cost;  // what shades it: higher is darker, by ratio; > 0
    };
    std::vector<Cell> cells;  // members * members, row by row

    Matrix(std::string title, std::vector<std::string> members)
        : title(std::move(title)), members(std::move(members)),
          cells(this->members.size() * this->members.size()) {}
    Cell& at(size_t row, size_t column) { return cells[row * members.size() + column]; }
    const Cell& at(size_t row, size_t column) const { return cells[row * members.size() + column]; }
};

std::string text_of(const Matrix& matrix);
std::string svg_of(const std::vector<Matrix>& matrices);  // one below the other

}  // namespace whim::cli
