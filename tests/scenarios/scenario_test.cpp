// Goal: how a run behaves is written down as transcripts that people review; a change of behaviour is a diff.
// Method: each .txt here is played and must come out as it stands. A wanted change: WHIM_REWRITE=1 ctest -R
// scenarios, then review the diff.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "script.h"

namespace whim::group {
namespace {

std::vector<std::string> scenario_files() {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(WHIM_SCENARIO_DIR)) {
        if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") {
            files.push_back(entry.path().stem().string());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

class Scenario : public ::testing::TestWithParam<std::string> {};

TEST_P(Scenario, ComesOutAsWritten) {
    const std::string path = std::string(WHIM_SCENARIO_DIR) + "/" + GetParam() + ".txt";
    std::ifstream in(path);
    std::ostringstream written;
    written << in.rdbuf();
    const std::string played = play(written.str());
    ASSERT_NE(played.find("> "), std::string::npos) << "no command in " << path;
    if (std::getenv("WHIM_REWRITE") != nullptr) std::ofstream(path) << played;
    else EXPECT_EQ(played, written.str()) << path;
}

INSTANTIATE_TEST_SUITE_P(Files, Scenario, ::testing::ValuesIn(scenario_files()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace whim::group
