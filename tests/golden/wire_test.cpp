// Goal: the bytes of every message stay what they are; a peer of an older build must read them.
// Method: each message filled with numbers that count up, against one file of hex each in wire/. A wanted
// change: WHIM_REWRITE=1 ctest -R golden_wire, then review the diff, and raise the protocol version unless
// nothing was released.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/unit/wire/message_fill.h"
#include "vector_file.h"

namespace whim::wire {
namespace {

std::string to_hex_lines(const Bytes& bytes) {
    std::string text;
    for (size_t i = 0; i < bytes.size(); ++i) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(bytes[i]));
        text += digits;
        if (i % 48 == 47 || i + 1 == bytes.size()) text += '\n';
    }
    return text;
}

void expect_golden(const std::string& name, const Bytes& bytes) {
    const std::string file = "wire/" + name + ".hex";
    if (std::getenv("WHIM_REWRITE") != nullptr) {
        std::ofstream out(std::string(WHIM_GOLDEN_DIR) + "/" + file);
        out << "# " << name << ", fields counting up\n" << to_hex_lines(bytes);
        return;
    }
    Bytes golden;
    for (const auto& line : test::read_vectors(file)) {
        for (const std::string& word : line) {
            const Bytes part = test::from_hex(word);
            golden.insert(golden.end(), part.begin(), part.end());
        }
    }
    EXPECT_EQ(to_hex_lines(bytes), to_hex_lines(golden)) << file;
}

TEST(GoldenWire, EveryMessage) {
    for (size_t type = 0; type < kMessageTypes; ++type) {
        Filler filler = counting_filler();
        const Message message = filled(type, filler);
        expect_golden(std::string(message_name(message)), encode(message));
    }
}

TEST(GoldenWire, BulkHeaderAndRoundRecord) {
    Filler filler = counting_filler();
    BulkHeader header;
    header.fields(filler);
    header.kind = static_cast<uint8_t>(BulkKind::result);
    expect_golden("bulk_header", encode(header));
    RoundRecord record;
    record.fields(filler);
    expect_golden("round_record", encode_record(record));
    CircuitHeader circuit;
    circuit.fields(filler);
    circuit.kind = kCircuitHeaderKind;
    expect_golden("circuit_header", encode(circuit));
}

}  // namespace
}  // namespace whim::wire
