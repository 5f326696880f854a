// Text of strangers made fit to be shown: in logs, on pages, in terminals.
#pragma once

#include <string>
#include <string_view>

namespace whim {

// The text with a '?' for each byte that is not part of UTF-8, and for each character that moves the cursor,
// ends a line, or turns the direction of writing: nothing in it can forge a second line or hide part of the
// first.
std::string printable(std::string_view text);

}  // namespace whim
