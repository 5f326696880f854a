// What codecs and reducers of the application may be called. A hyphen tells their names from those of the
// library, of today and later.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace whim {

// Whether a name is the application's by its look: lower-case letters, digits and at least one hyphen.
bool is_custom_name(std::string_view name);

// E_INVALID, naming what is wrong, unless the name is custom and the parameters are short and of characters
// that no other part of a codec's text uses.
Status check_custom_name(std::string_view name, std::string_view parameters);

// "NAME" or "NAME:PARAMETERS".
std::string custom_text(std::string_view name, std::string_view parameters);

}  // namespace whim
