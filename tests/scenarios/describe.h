// What a member tells its application, as one line of a transcript.
#pragma once

#include <string>

#include "group/member.h"

namespace whim::group {

std::string describe(const MemberEffect& effect);

}  // namespace whim::group
