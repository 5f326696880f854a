// What an op took of a contribution, as the core works it out, for src/api, which reaches no deeper.
#pragma once

#include "engine/sent.h"
