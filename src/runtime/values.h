// The core's values that pass through the shell's interface; src/api translates them and reaches no deeper.
#pragma once

#include "base/ids.h"
#include "base/limits.h"
#include "base/printable.h"
#include "base/status.h"
#include "wire/address.h"
#include "wire/values.h"
