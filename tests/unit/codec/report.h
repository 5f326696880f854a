// What a conformance report must say of a property that does not hold.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace whim::test {

// The line of the property has these words and an input that shows it.
inline void expect_named(const std::string& report, const std::string& property, const std::string& words) {
    const size_t line = report.find("\n" + property + ": ");
    ASSERT_NE(line, std::string::npos) << report;
    const std::string said = report.substr(line + 1, report.find('\n', line + 1) - line - 1);
    EXPECT_NE(said.find(words), std::string::npos) << said;
    EXPECT_NE(said.find("; input: "), std::string::npos) << said;
}

}  // namespace whim::test
