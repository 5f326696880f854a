// Windows in segments, one step a round trip.
#include "stress/path_model.h"

#include <algorithm>
#include <cmath>

namespace stress {
namespace {

using whim::Duration;
using whim::Instant;
using whim::StrandReading;

constexpr double kSegment = 1448;
constexpr double kCubicScale = 0.4, kCubicBeta = 0.7;  // RFC 8312, sections 4.1 and 4.5

}  // namespace

void PathModel::grow(Connection& c) const {
    if (c.window < c.threshold) {
        c.window *= 2;
        return;
    }
    const double rtt = rtt_.seconds();
    c.since_loss += rtt;
    const double k = std::cbrt(c.top * (1 - kCubicBeta) / kCubicScale);
    const double cubic = kCubicScale * std::pow(c.since_loss - k, 3) + c.top;
    const double reno = c.top * kCubicBeta + 3 * (1 - kCubicBeta) / (1 + kCubicBeta) * c.since_loss / rtt;
    c.window = std::clamp(std::max(cubic, reno), c.window, c.window * 1.5);
}

void PathModel::lose(Connection& c) const {
    c.top = c.window;
    c.window = std::max(2.0, c.window * kCubicBeta);
    c.threshold = c.window;
    c.since_loss = 0;
}

StrandReading PathModel::step(uint32_t strands) {
    connections_.resize(strands);
    const double buffer = static_cast<double>(shape_.buffer_bytes) / kSegment;
    const double pipe = capacity() * shape_.rtt.seconds() / kSegment;
    const double room = pipe + capacity() * shape_.queue.seconds() / kSegment;
    double offered = 0;
    uint32_t held_back = 0;
    for (Connection& c : connections_) {
        if (!shape_.loss_based) c.window = std::min(c.window * 2, 1.25 * pipe / strands + 4);
        if (c.window >= buffer) {
            c.window = buffer;
            ++held_back;
        }
        offered += c.window;
    }
    const double overflow = std::max(0.0, offered - room);
    const double carried = std::min(offered, room);
    const Duration rtt =
        shape_.rtt +
        Duration{static_cast<int64_t>(1e9 * std::max(0.0, carried - pipe) * kSegment / capacity())};
    double lost = overflow;
    for (Connection& c : connections_) {
        const double share = c.window / std::max(offered, 1.0);
        const double survives = std::pow(1 - shape_.loss, c.window);
        const bool unlucky = static_cast<double>(prng_.below(1u << 30)) / (1u << 30) > survives;
        lost += c.window * shape_.loss;
        const bool full = overflow * share >= 1;
        if (shape_.loss_based && (unlucky || full)) lose(c);
        else if (shape_.loss_based) grow(c);
    }
    const double delivered =
        std::max(0.0, std::min(carried, capacity() * rtt.seconds() / kSegment) * (1 - shape_.loss));
    rtt_ = rtt;
    StrandReading reading;
    reading.elapsed = rtt;
    reading.strands = strands;
    reading.backlogged = true;
    reading.bytes_acked = static_cast<uint64_t>(delivered * kSegment);
    reading.bytes_retransmitted = static_cast<uint64_t>(lost * kSegment);
    reading.buffer_limited = Duration{rtt.ns * held_back / strands};
    reading.loss_limited = shape_.loss_based;
    reading.rtt_min = shape_.rtt;
    reading.rtt_smoothed = rtt;
    return reading;
}

namespace {

// Calls next(strands so far) after each step, which answers how many there shall be.
template <class Next>
std::vector<double> run(PathModel& model, uint32_t seconds, uint32_t strands, Next next) {
    std::vector<double> by_second(seconds, 0.0);
    Instant now{};
    while (now.ns < whim::seconds(seconds).ns) {
        const StrandReading reading = model.step(strands);
        const auto second = static_cast<size_t>(now.ns / whim::seconds(1).ns);
        now = now + reading.elapsed;
        by_second[second] += static_cast<double>(reading.bytes_acked);
        strands = next(reading, now);
    }
    return by_second;
}

}  // namespace

Convergence converge(const PathShape& shape, uint64_t seed, uint32_t seconds, uint32_t strands_max) {
    PathModel model(shape, seed);
    whim::StrandController controller(strands_max);
    controller.learn_path(shape.rtt, Instant{});
    Convergence result;
    result.strands.resize(seconds);
    result.rate = run(model, seconds, controller.wanted(), [&](const StrandReading& reading, Instant now) {
        controller.look(reading, now);
        const auto second = std::min<size_t>(static_cast<size_t>(now.ns / whim::seconds(1).ns), seconds - 1);
        result.strands[second] = controller.wanted();
        return controller.wanted();
    });
    result.capacity = model.capacity();
    return result;
}

double fixed_rate(const PathShape& shape, uint64_t seed, uint32_t seconds, uint32_t strands) {
    PathModel model(shape, seed);
    double total = 0;
    for (const double rate :
         run(model, seconds, strands, [&](const StrandReading&, Instant) { return strands; }))
        total += rate;
    return total / seconds;
}

}  // namespace stress
