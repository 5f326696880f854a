// One peer of the trials: begins rounds, reduces and commits when told, and proves what it got.
#pragma once

#include "options.h"

namespace stress {

// Role "peer": says "joined", then obeys. Orders and answers, one line each:
//   round TRIAL    ready WORLD_SIZE ROUND
//   go             start and finish, without "started"
//   start          started
//   look           done, or running RESULT<tab>PAUSED<tab>WAITING: of a wait that expired, the text of the
//                  op's event WHIM_EVENT_OP_PAUSED and of whim_op_waiting_for
//   finish         reduced AT_NS NS GONE PARTIAL RESENT REFOLDED ADOPTED SETS NAME=ELEMENTS...
//                  checked DIGEST WRONG (first wrong element, or "none"), once the round is committed; "late"
//                  instead of "checked" if it was committed without this peer's vote
//                  or instead: ended CALL RESULT: DETAIL; after an eviction it joins again: joined
//   ask ROUND      asked RESULT<tab>WAITING: of a wait for its record that expired
//   record ROUND   record DIGEST PARTICIPANTS VOTES HASH
//   watch          (nothing) from now on looks at the links while an op runs
//   watched        watched P99_MS LONGEST_MS: round trips of heartbeats, as the links smooth them, since then
// AT_NS: the end of the op by the steady clock, which all processes share.
// NAME=ELEMENTS: for each contributor, how many elements its sets cover.
int round_peer_role(const Options& options);

}  // namespace stress
