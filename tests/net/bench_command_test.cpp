// Goal: operators that run the same bench command on their machines meet, and each gets the whole result.
// Method: three processes of the command on loopback, the first of which coordinates.
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "child.h"

namespace whim::testing {
namespace {

using Words = std::vector<std::string>;

class BenchCommand : public ::testing::Test {
protected:
    static constexpr size_t kPeers = 3;

    void start(const Words& bench) {
        for (size_t i = 0; i < kPeers; ++i) {
            Words words = {"bench",    bench.at(0),   "--peers", std::to_string(kPeers),
                           "--listen", "127.0.0.1:0", "--name",  "peer" + std::to_string(i)};
            words.insert(words.end(), bench.begin() + 1, bench.end());
            if (i == 0) words.insert(words.end(), {"--coordinator", "127.0.0.1:0"});
            else words.insert(words.end(), {"--invite", invite_});
            children_.push_back(std::make_unique<Child>(words));
            if (i == 0) invite_ = children_[0]->after("--invite ");
        }
    }
    // All say the same and end well.
    std::string everywhere(const std::string& word) {
        const std::string said = children_.at(0)->after(word);
        for (size_t i = 1; i < children_.size(); ++i) EXPECT_EQ(children_[i]->after(word), said);
        return said;
    }
    void expect_the_end() {
        for (auto& child : children_) {
            EXPECT_EQ(child->after("whimbrel: "), "");
            EXPECT_EQ(child->end(0), 0);
        }
    }
    // Of all links, in a line of JSON.
    static std::vector<double> rates_in(const std::string& json) {
        const std::string name = "\"bytes_per_s\":";
        std::vector<double> rates;
        for (size_t at = 0; (at = json.find(name, at)) != std::string::npos; at += name.size())
            rates.push_back(std::stod(json.substr(at + name.size())));
        EXPECT_EQ(rates.size(), kPeers * (kPeers - 1)) << json;
        return rates;
    }
    std::string invite_;
    std::vector<std::unique_ptr<Child>> children_;
};

TEST_F(BenchCommand, LinksMakesAMatrixAndAPicture) {
    const std::string svg = "/tmp/whim-bench-" + std::to_string(getpid()) + ".svg";
    start({"links", "--bytes", "1MiB", "--security", "tls", "--svg", svg});
    EXPECT_EQ(everywhere("links   3 peers   "), "security tls   1048576 bytes; row to column");
    EXPECT_NE(everywhere("least round trip"), "");
    EXPECT_NE(everywhere("  0 peer").find("s "), std::string::npos);
    EXPECT_NE(everywhere("delivered, one sender at a time"), "");
    EXPECT_NE(everywhere("  2 peer").find("B/s"), std::string::npos);
    expect_the_end();
    std::ostringstream picture;
    picture << std::ifstream(svg).rdbuf();
    EXPECT_EQ(picture.str().substr(0, 4), "<svg");
    EXPECT_NE(picture.str().find("B/s</text>"), std::string::npos);
    std::filesystem::remove(svg);
}

TEST_F(BenchCommand, AllAtOnceLoadsEveryLink) {
    start({"links", "--bytes", "256KiB", "--all-at-once", "--json", "--security", "none"});
    const std::string json =
        everywhere("{\"bench\":\"links\",\"impl\":\"whimbrel\",\"security\":\"none\",\"n\":3,");
    for (const double rate : rates_in(json)) EXPECT_GT(rate, 0);
    expect_the_end();
}

// Nothing comes by way of the third: no pair exceeds what its own link may carry.
TEST_F(BenchCommand, OnePairAtATimeHasItsLinkAlone) {
    start({"links", "--bytes", "256KiB", "--one-at-a-time", "--json", "--link-rate-limit", "1MB/s"});
    const double bytes = 256 * 1024, saved_up = 16 * 1024;
    for (const double rate : rates_in(everywhere("\"load\":\"one pair at a time\","))) {
        EXPECT_GT(rate, 0);
        EXPECT_LT(rate, 1e6 * bytes / (bytes - saved_up));
    }
    expect_the_end();
}

TEST_F(BenchCommand, AllReduceHasALineASize) {
    start({"all-reduce", "--bytes", "4KiB..64KiB", "--factor", "16", "--iters", "3", "--dtype", "bf16",
           "--json"});
    for (const char* bytes : {"4096", "65536"}) {
        const std::string line = everywhere("{\"bench\":\"all-reduce\",\"impl\":\"whimbrel\",");
        for (const std::string& field : {std::string("\"security\":\"tls\""), std::string("\"n\":3"),
                                         "\"bytes\":" + std::string(bytes), std::string("\"dtype\":\"bf16\""),
                                         std::string("\"codec\":\"none\""), std::string("\"checked\":true")})
            EXPECT_NE(line.find(field + ","), std::string::npos) << field << " in " << line;
        for (const char* figure : {"median_ms", "min_ms", "algbw", "cpu_s", "rss_mib"}) {
            const size_t at = line.find("\"" + std::string(figure) + "\":");
            ASSERT_NE(at, std::string::npos) << figure << " in " << line;
            EXPECT_GT(std::stod(line.substr(line.find(':', at) + 1)), 0) << figure;
        }
        for (const char* text : {"commit", "machine"}) {
            const size_t at = line.find("\"" + std::string(text) + "\":\"");
            ASSERT_NE(at, std::string::npos) << text << " in " << line;
            EXPECT_NE(line[at + std::string(text).size() + 4], '"') << text << " is empty";
        }
        EXPECT_EQ(line.back(), '}');
    }
    expect_the_end();
}

// Of 256 KiB each peer sends two thirds twice, and half of that over each link.
TEST_F(BenchCommand, BoundsSayHowLongItTakes) {
    const double sent = 256 * 1024 * 4.0 / 3, saved_up = 2 * 16 * 1024;
    for (const Words& bound : {Words{"--rate-limit", "8mbit"}, Words{"--link-rate-limit", "500kB/s"}}) {
        children_.clear();
        start({"all-reduce", "--bytes", "256KiB", "--iters", "1", "--json", bound[0], bound[1]});
        const std::string line = everywhere("\"checked\":true,");
        const size_t at = line.find("\"min_ms\":");
        ASSERT_NE(at, std::string::npos) << line;
        EXPECT_GE(std::stod(line.substr(at + 9)), (sent - saved_up) / 1e6 * 1e3) << bound[0];
        expect_the_end();
    }
}

TEST_F(BenchCommand, AnInviteOrACoordinatorIsNeeded) {
    Child neither({"bench", "links", "--peers", "2"});
    EXPECT_EQ(neither.after("whimbrel: bench links: "),
              "give --invite, or --coordinator on one of the machines");
    EXPECT_EQ(neither.end(0), 1);
}

TEST_F(BenchCommand, SizesAreWrittenOneWay) {
    for (const char* bytes : {"0", "64MB", "2000GiB", "-1", "1KiB..", ""}) {
        Child refused({"bench", "all-reduce", "--peers", "2", "--bytes", bytes});
        EXPECT_NE(refused.after("write a number and "), "") << bytes;
        EXPECT_EQ(refused.end(0), 2) << bytes;
    }
}

TEST_F(BenchCommand, RatesAreWrittenOneWay) {
    for (const char* rate :
         {"0", "100", "100Mbit", "1 mbit", "-1mbit", "7bit", "9999999gbit", "nanbit", ""}) {
        Child refused({"bench", "links", "--peers", "2", "--rate-limit", rate});
        EXPECT_NE(refused.after("write a number and "), "") << rate;
        EXPECT_EQ(refused.end(0), 2) << rate;
    }
}

}  // namespace
}  // namespace whim::testing
