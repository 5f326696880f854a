// Goal: a picture shows each figure where its axes say, in the colour of its name; its file is known to be
// writable before anything is measured. Method: the SVG is read back, and what lies in it is compared with
// the places of the axes' own labels.
#include "stress/peers/picture.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace stress {
namespace {

struct Dot {
    std::string colour;
    double x, y;
};
struct Spread {
    std::string colour;
    double x, low, high;  // as y
};
struct Label {
    std::string colour, text;
    double x, y;
};
struct Line {
    std::string colour;
    std::vector<std::pair<double, double>> through;
};

constexpr double kRounding = 0.11;  // places have one digit behind the point

// What a picture holds, in the order in which it was drawn.
struct Drawn {
    explicit Drawn(const Picture& picture) {
        std::ostringstream out;
        picture.draw(out);
        svg = out.str();
        each(R"re(<circle fill="(\S+)" r="3" cx="(\S+)" cy="(\S+)"/>)re", [&](const std::smatch& found) {
            dots.push_back({found[1], std::stod(found[2]), std::stod(found[3])});
        });
        each(R"re(<path stroke="(\S+)" d="M(\S+) (\S+) V(\S+)"/>)re", [&](const std::smatch& found) {
            spreads.push_back({found[1], std::stod(found[2]), std::stod(found[3]), std::stod(found[4])});
        });
        each(
            R"re(<text(?: text-anchor="\w+")?(?: fill="(\S+)")?(?: text-anchor="\w+")? x="(\S+)" y="(\S+)")re"
            R"re((?: font-size="\d+")?>([^<]*)</text>)re",
            [&](const std::smatch& found) {
                labels.push_back({found[1], found[4], std::stod(found[2]), std::stod(found[3])});
            });
        each(R"re(<path fill="none" stroke="(\S+)" stroke-opacity="0.5" d="M([^"]+)"/>)re",
             [&](const std::smatch& found) {
                 lines.push_back({found[1], pairs_of(found[2])});
             });
        each(R"re(<svg [^>]*width="(\S+)" height="(\S+)">)re",
             [&](const std::smatch& found) { width = std::stod(found[1]), height = std::stod(found[2]); });
    }

    std::vector<Label> labelled(const std::string& text) const {
        std::vector<Label> found;
        for (const Label& label : labels)
            if (label.text == text) found.push_back(label);
        return found;
    }
    Label label(const std::string& text) const {
        const auto found = labelled(text);
        EXPECT_FALSE(found.empty()) << text << " is not in " << svg;
        return found.empty() ? Label{} : found.front();
    }
    // Where the axis has a ratio: labels stand a little below their line.
    double tick_y(const std::string& ratio) const { return label(ratio).y - 4; }
    std::vector<Dot> dots_of(const std::string& name) const {
        std::vector<Dot> found;
        for (const Dot& dot : dots)
            if (dot.colour == label(name).colour) found.push_back(dot);
        return found;
    }

    std::string svg;
    std::vector<Dot> dots;
    std::vector<Spread> spreads;
    std::vector<Label> labels;
    std::vector<Line> lines;
    double width = 0, height = 0;

private:
    template <class Found> void each(const std::string& pattern, Found found) const {
        const std::regex regex(pattern);
        for (std::sregex_iterator at(svg.begin(), svg.end(), regex), end; at != end; ++at) found(*at);
    }
    static std::vector<std::pair<double, double>> pairs_of(std::string places) {
        std::replace(places.begin(), places.end(), 'L', ' ');
        std::istringstream numbers(places);
        std::vector<std::pair<double, double>> pairs;
        for (double x, y; numbers >> x >> y;) pairs.push_back({x, y});
        return pairs;
    }
};

Pooled measured(const std::string& implementation, std::vector<double> seconds) {
    Pooled pooled;
    pooled.contender = {implementation, "ring", "none"};
    pooled.seconds = std::move(seconds);
    return pooled;
}

// The 10th percentile is the second of these, the median the sixth, the 90th percentile the tenth.
const std::vector<double> kSpread = {0.01, 1, 1.2, 1.4, 1.7, 2, 2.4, 3, 3.5, 4, 90};

TEST(Picture, FiguresLieWhereTheAxisHasThem) {
    Picture picture("time, over the other's");
    picture.add("4 peers", 1 << 20, {measured("gloo", kSpread)}, 2);
    const Drawn drawn(picture);
    ASSERT_EQ(drawn.dots.size(), 1u);
    ASSERT_EQ(drawn.spreads.size(), 1u);
    EXPECT_NEAR(drawn.dots[0].y, drawn.tick_y("1"), kRounding);
    EXPECT_NEAR(drawn.spreads[0].low, drawn.tick_y("0.5"), kRounding);
    EXPECT_NEAR(drawn.spreads[0].high, drawn.tick_y("2"), kRounding);
    EXPECT_NEAR(drawn.spreads[0].x, drawn.dots[0].x, kRounding);
    EXPECT_LT(drawn.tick_y("2"), drawn.tick_y("1")) << "more is further up";
    EXPECT_NEAR(drawn.tick_y("0.5") - drawn.tick_y("1"), drawn.tick_y("1") - drawn.tick_y("2"), 2 * kRounding)
        << "equal ratios are equally far apart";
    EXPECT_TRUE(drawn.labelled("5").empty()) << "outliers do not stretch the axis";
    EXPECT_FALSE(drawn.label("time, over the other's").text.empty());
}

TEST(Picture, SizesStandSideBySideAndLinesAroundThem) {
    Picture picture("");
    for (const uint64_t bytes : {4ull << 10, 1ull << 20, 256ull << 20})
        picture.add("4 peers", bytes, {measured("whimbrel", {1}), measured("gloo", {2})}, 1);
    const Drawn drawn(picture);
    const std::vector<Dot> ours = drawn.dots_of("whimbrel-none"), theirs = drawn.dots_of("gloo");
    ASSERT_EQ(ours.size(), 3u);
    ASSERT_EQ(theirs.size(), 3u);
    const std::string sizes[] = {"4 KiB", "1 MiB", "256 MiB"};
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_NEAR((ours[i].x + theirs[i].x) / 2, drawn.label(sizes[i]).x, kRounding) << sizes[i];
        EXPECT_GT(theirs[i].x, ours[i].x + 1) << "their spreads can be told apart";
        EXPECT_NEAR(ours[i].y, drawn.tick_y("1"), kRounding);
        EXPECT_NEAR(theirs[i].y, drawn.tick_y("2"), kRounding);
    }
    EXPECT_NEAR(ours[2].x - ours[1].x, ours[1].x - ours[0].x, 2 * kRounding);
}

TEST(Picture, ALineLeadsThroughItsMedians) {
    Picture picture("");
    picture.add("4 peers", 1 << 10, {measured("gloo", {1}), measured("openmpi", {3})}, 1);
    picture.add("4 peers", 1 << 20, {measured("gloo", {2}), measured("openmpi", {4})}, 1);
    const Drawn drawn(picture);
    ASSERT_EQ(drawn.lines.size(), 2u);
    EXPECT_NE(drawn.lines[0].colour, drawn.lines[1].colour);
    for (const std::string name : {"gloo", "openmpi"}) {
        const std::vector<Dot> dots = drawn.dots_of(name);
        const Line& line = drawn.lines[name == "gloo" ? 0 : 1];
        EXPECT_EQ(line.colour, drawn.label(name).colour);
        ASSERT_EQ(dots.size(), 2u);
        ASSERT_EQ(line.through.size(), 2u);
        for (size_t i = 0; i < 2; ++i)
            EXPECT_EQ(line.through[i], std::pair(dots[i].x, dots[i].y)) << name << ' ' << i;
    }
}

TEST(Picture, EveryNetworkHasItsPanelOnOneScale) {
    Picture picture("");
    const std::vector<std::string> panels = {"none", "little", "some", "much"};
    for (size_t i = 0; i < panels.size(); ++i)
        picture.add(panels[i], 1 << 20, {measured("gloo", {static_cast<double>(i + 1)})}, 1);
    const Drawn drawn(picture);
    ASSERT_EQ(drawn.dots.size(), 4u);
    ASSERT_EQ(drawn.lines.size(), 4u) << "no line leads from one panel to another";
    const auto ones = drawn.labelled("1"), sizes = drawn.labelled("1 MiB");
    ASSERT_EQ(ones.size(), 4u);
    ASSERT_EQ(sizes.size(), 4u);
    for (size_t i = 0; i < 4; ++i) {
        const Label title = drawn.label(panels[i]);
        EXPECT_NEAR(drawn.dots[i].x, sizes[i].x, kRounding) << panels[i];
        EXPECT_GT(drawn.dots[i].x, title.x) << panels[i];
        EXPECT_GT(drawn.dots[i].y, title.y) << panels[i];
        EXPECT_LT(drawn.dots[i].y, sizes[i].y) << panels[i];
        EXPECT_LT(sizes[i].x, drawn.width);
        EXPECT_LT(sizes[i].y, drawn.label("gloo").y) << "the names are below all panels";
    }
    EXPECT_NEAR(ones[0].y, ones[2].y, kRounding);
    EXPECT_GT(ones[1].x, drawn.dots[0].x) << "beside each other";
    EXPECT_GT(ones[2].x, drawn.dots[1].x);
    EXPECT_NEAR(ones[3].x, ones[0].x, kRounding) << "three in a row";
    EXPECT_GT(drawn.label("much").y, sizes[0].y);
    EXPECT_LT(drawn.label("gloo").y, drawn.height);
    EXPECT_NEAR(drawn.dots[0].y, ones[0].y - 4, kRounding);
    EXPECT_NEAR(drawn.dots[1].y, drawn.labelled("2")[1].y - 4, kRounding);
}

TEST(Picture, WhoFailedIsNotInIt) {
    Picture picture("");
    Pooled failed = measured("openmpi", {});
    failed.failure = "killed";
    picture.add("4 peers", 1 << 20, {failed, measured("gloo", {1})}, 1);
    const Drawn drawn(picture);
    EXPECT_EQ(drawn.dots.size(), 1u);
    EXPECT_TRUE(drawn.labelled("openmpi").empty());
    EXPECT_EQ(drawn.dots_of("gloo").size(), 1u);
}

class PictureFileTest : public ::testing::Test {
protected:
    std::string held() const {
        std::ostringstream all;
        all << std::ifstream(path).rdbuf();
        return all.str();
    }
    void TearDown() override { std::filesystem::remove(path); }

    const std::string path = ::testing::TempDir() + "whim-picture-" + std::to_string(getpid()) + ".svg";
};

TEST_F(PictureFileTest, SaysAtOnceWhatCannotBeWritten) {
    const std::string nowhere = path + "/no/such.svg";
    try {
        PictureFile file(nowhere);
        FAIL() << "it cannot be written";
    } catch (const std::exception& problem) {
        EXPECT_NE(std::string(problem.what()).find(nowhere + ": No such file"), std::string::npos)
            << problem.what();
    }
}

TEST_F(PictureFileTest, KeepsWhatItHeldUntilSomethingIsDrawn) {
    std::ofstream(path) << std::string(100'000, 'x');
    const PictureFile file(path);
    EXPECT_EQ(held(), std::string(100'000, 'x'));
    Picture picture("");
    picture.add("4 peers", 1 << 20, {measured("gloo", {1})}, 1);
    EXPECT_TRUE(file.show(picture));
    EXPECT_EQ(held(), Drawn(picture).svg);
    picture.add("4 peers", 2 << 20, {measured("gloo", {1})}, 1);
    EXPECT_TRUE(file.show(picture));
    EXPECT_EQ(held(), Drawn(picture).svg);
}

TEST_F(PictureFileTest, ADiskThatIsFullEndsNoRun) {
    const PictureFile file("/dev/full");
    EXPECT_FALSE(file.show(Picture("")));
}

TEST_F(PictureFileTest, NoNameIsNoFile) { EXPECT_TRUE(PictureFile("").show(Picture(""))); }

}  // namespace
}  // namespace stress
