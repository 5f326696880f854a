// Reads a file of golden vectors: one per line, words between blanks, '#' begins a comment line.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace whim::test {

inline std::vector<std::vector<std::string>> read_vectors(const std::string& file) {
    std::ifstream in(std::string(WHIM_GOLDEN_DIR) + "/" + file);
    EXPECT_TRUE(in.good()) << "cannot open " << file;
    std::vector<std::vector<std::string>> lines;
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || line[0] == '#') continue;
        std::istringstream words(line);
        lines.emplace_back();
        for (std::string word; words >> word;) lines.back().push_back(word);
    }
    return lines;
}

inline Bytes from_hex(const std::string& text) {
    Bytes out;
    for (size_t i = 0; i + 1 < text.size(); i += 2) {
        out.push_back(static_cast<std::byte>(std::stoul(text.substr(i, 2), nullptr, 16)));
    }
    return out;
}

}  // namespace whim::test
