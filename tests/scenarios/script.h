// One transcript: runs the commands of a text against a World and gives the text back with what came of them.
//
//   > COMMAND            what is done; every other line is what came of it and is written anew
//   # COMMENT
//
// Commands: coordinator start|kill|restart · add N.. · found N · join N.. · leave N · begin N STATE_ROUND ·
// commit N.. ROUND DIGEST [diverged] · kill N · restart N · freeze N · thaw N · cut A B · disconnect N ·
// connect N · exclude ASKER ROUND/TAG MEMBER.. · abort REASON · evict N · record N ROUND · option NAME VALUE
// · run MILLISECONDS · state
#pragma once

#include <string>

namespace whim::group {

std::string play(const std::string& script);

}  // namespace whim::group
