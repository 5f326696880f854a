// Reads along what arrives on unencrypted streams, for the readable trace: one line per message and bulk
// frame.
#pragma once

#include <map>
#include <memory>

#include "tests/sim/world.h"
#include "transport/session/frame_reader.h"

namespace whim::sim {

class Wiretap {
public:
    explicit Wiretap(World& world);
    ~Wiretap();
    void heard(HostId from, HostId to, uint64_t stream, ByteSpan bytes);

private:
    struct Stream;
    World& world_;
    std::map<uint64_t, std::unique_ptr<Stream>> streams_;
};

}  // namespace whim::sim
