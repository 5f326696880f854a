// peer_mpi: one rank of an Open MPI all-reduce (f32, sum), started by bench_peers through mpirun. Rank 0 says
// the shares of all.
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "stress/options.h"
#include "stress/peers/foreign.h"
#include "stress/timed_loop.h"

namespace {

using namespace stress;

// MPI_Init starts threads; before it, only the environment knows.
uint64_t rank_before_init() {
    const char* const rank = std::getenv("OMPI_COMM_WORLD_RANK");
    return rank ? std::stoull(rank) : 0;
}

// Fails the whole job: MPI ends a program at the first error of a call.
void gather_and_say(const Share& mine, int rank, int ranks) {
    struct Numbers {
        double cpu_s;
        Span first;
        uint64_t rss_bytes, right;
    };
    const Numbers numbers{mine.cpu_s, mine.first, mine.rss_bytes, mine.right};
    const size_t iterations = mine.spans.size();
    std::vector<Numbers> all(static_cast<size_t>(ranks));
    std::vector<Span> spans(iterations * all.size());
    const auto bytes = static_cast<int>(iterations * sizeof(Span));
    MPI_Gather(&numbers, sizeof numbers, MPI_BYTE, all.data(), sizeof numbers, MPI_BYTE, 0, MPI_COMM_WORLD);
    MPI_Gather(mine.spans.data(), bytes, MPI_BYTE, spans.data(), bytes, MPI_BYTE, 0, MPI_COMM_WORLD);
    if (rank != 0) return;
    for (size_t i = 0; i < all.size(); ++i) {
        const Span* const its = spans.data() + i * iterations;
        say({all[i].first, {its, its + iterations}, all[i].cpu_s, all[i].rss_bytes, all[i].right != 0});
    }
}

void peer(const Options& options) {
    int rank = 0, ranks = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    Buffers buffers = make_buffers(static_cast<uint64_t>(rank), options.number("bytes", 0) / sizeof(float));
    const auto count = static_cast<int>(buffers.in.size());
    const auto barrier = [] { MPI_Barrier(MPI_COMM_WORLD); };
    const auto call = [&] {
        MPI_Allreduce(buffers.in.data(), buffers.out.data(), count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    };
    Share share = timed_loop(loop_of(options), {nullptr, barrier, call});
    share.right = is_sum(buffers.out, static_cast<uint64_t>(ranks));
    gather_and_say(share, rank, ranks);
}

}  // namespace

int main(int argc, char** argv) try {
    prepare_process();
    const Options options(argc, argv, {"bytes", "iters", "warm-ups", "rest-ms"}, kPeerFlags);
    pin_if_asked(options, rank_before_init());
    MPI_Init(nullptr, nullptr);
    peer(options);
    MPI_Finalize();
    return 0;
} catch (const std::exception& problem) {
    std::fprintf(stderr, "peer_mpi: %s\n", problem.what());
    return 1;  // without MPI_Finalize: mpirun ends the others
}
