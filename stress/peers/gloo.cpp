// peer_gloo: one peer of a gloo all-reduce (f32, sum) over TCP, started by bench_peers. Says its share.
//
// The classes work in place: they get a fresh copy of the input before each call, which is not timed, and
// their scratch is allocated once. The two of the newer interface read one buffer and write another.
#include <gloo/allreduce.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/allreduce_ring.h>
#include <gloo/allreduce_ring_chunked.h>
#include <gloo/barrier.h>
#include <gloo/math.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/transport/tcp/device.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "stress/options.h"
#include "stress/peers/foreign.h"
#include "stress/timed_loop.h"

namespace {

using namespace stress;

constexpr std::chrono::minutes kTimeout{30};  // bench_peers has less patience

using ContextPointer = std::shared_ptr<gloo::rendezvous::Context>;

ContextPointer connect(const Options& options) {
    auto device = gloo::transport::tcp::CreateDevice(options.text("address", "127.0.0.1").c_str());
    auto context = std::make_shared<gloo::rendezvous::Context>(static_cast<int>(options.number("rank", 0)),
                                                               static_cast<int>(options.number("peers", 1)));
    context->setTimeout(kTimeout);
    gloo::rendezvous::FileStore store(options.text("store", "/tmp"));
    context->connectFullMesh(store, device);
    return context;
}

template <template <typename> class Algorithm>
void use_class(const ContextPointer& context, Buffers& buffers, TimedCalls& calls) {
    auto algorithm = std::make_shared<Algorithm<float>>(context, std::vector<float*>{buffers.out.data()},
                                                        static_cast<int>(buffers.out.size()));
    calls.prepare = [&] { std::copy(buffers.in.begin(), buffers.in.end(), buffers.out.begin()); };
    calls.call = [algorithm] { algorithm->run(); };
}

void use_options(const ContextPointer& context, gloo::AllreduceOptions::Algorithm algorithm, Buffers& buffers,
                 TimedCalls& calls) {
    auto options = std::make_shared<gloo::AllreduceOptions>(context);
    options->setAlgorithm(algorithm);
    options->setInput(buffers.in.data(), buffers.in.size());
    options->setOutput(buffers.out.data(), buffers.out.size());
    options->setReduceFunction(
        static_cast<void (*)(void*, const void*, const void*, size_t)>(&gloo::sum<float>));
    options->setTimeout(kTimeout);
    calls.call = [options] { gloo::allreduce(*options); };
}

void choose(const std::string& name, const ContextPointer& context, Buffers& buffers, TimedCalls& calls) {
    using Newer = gloo::AllreduceOptions::Algorithm;
    if (name == "ring") use_class<gloo::AllreduceRing>(context, buffers, calls);
    else if (name == "ring-chunked") use_class<gloo::AllreduceRingChunked>(context, buffers, calls);
    else if (name == "halving-doubling") use_class<gloo::AllreduceHalvingDoubling>(context, buffers, calls);
    else if (name == "new-ring") use_options(context, Newer::RING, buffers, calls);
    else if (name == "new-bcube") use_options(context, Newer::BCUBE, buffers, calls);
    else throw std::runtime_error("unknown algorithm '" + name + "'");
}

int peer(const Options& options) {
    const uint64_t peers = options.number("peers", 1);
    pin_if_asked(options, options.number("rank", 0));
    Buffers buffers = make_buffers(options.number("rank", 0), options.number("bytes", 0) / sizeof(float));
    const ContextPointer context = connect(options);
    gloo::BarrierOptions barrier(context);
    barrier.setTimeout(kTimeout);
    TimedCalls calls;
    calls.barrier = [&] { gloo::barrier(barrier); };
    choose(options.text("algorithm", ""), context, buffers, calls);
    Share share = timed_loop(loop_of(options), calls);
    share.right = is_sum(buffers.out, peers);
    say(share);
    for (std::string line; std::getline(std::cin, line);) {}  // the others may still be at the last barrier
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    prepare_process();
    return peer(
        Options(argc, argv,
                {"rank", "peers", "bytes", "iters", "warm-ups", "rest-ms", "algorithm", "store", "address"},
                kPeerFlags));
} catch (const std::exception& problem) {
    std::fprintf(stderr, "peer_gloo: %s\n", problem.what());
    return 1;
}
