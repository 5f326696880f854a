/* A run inside one process for the C tests: a coordinator in a scratch directory and some joined groups.
 * CHECK ends the program with the place and the condition; OK adds the library's own words. */
#ifndef TESTS_CAPI_HARNESS_H
#define TESTS_CAPI_HARNESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "whimbrel/coordinator.h"
#include "whimbrel/whimbrel.h"

#define PATIENCE_MS 30000
#define PEERS_MAX 4

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#define CHECK_IS(expression, wanted) check_is((expression), (wanted), #expression, __FILE__, __LINE__)
#define CHECK_OK(expression) CHECK_IS(expression, WHIM_OK)

/* The last call failed with `wanted` and a detail that holds `words`. */
#define CHECK_DETAIL(words) check_detail(words, __FILE__, __LINE__)

typedef struct {
    char directory[64];
    char invite[WHIM_INVITE_SIZE];
    whim_coordinator* coordinator;
    whim_group* groups[PEERS_MAX];
    int peers;
    int peer_of_rank[PEERS_MAX]; /* in the current round: who joined first is chance */
} run;

void check_is(whim_result got, whim_result wanted, const char* what, const char* file, int line);
void check_detail(const char* words, const char* file, int line);

/* Waits for the op, checks its result, releases it. */
void end_op(whim_op* op, whim_result wanted);
/* The same for a failure whose detail holds `words`. */
void end_op_saying(whim_op* op, whim_result wanted, const char* words);

/* Coordinator and peers, joined, in a round of all of them. */
void start_run(run* r, int peers);
/* The same, after `change` has had its way with the options of each peer. */
void start_run_with(run* r, int peers, void (*change)(whim_group_options* options));
void begin_round(run* r);
void commit_round(run* r);
void stop_run(run* r);

/* Options of a peer of the run, for tests that make their own group. */
whim_group_options peer_options(const run* r);

#endif
