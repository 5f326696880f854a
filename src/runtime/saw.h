// What a member saw of an op, as the core works it out, for src/api, which reaches no deeper.
#pragma once

#include "engine/saw.h"
