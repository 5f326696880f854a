// The unix socket of a lab: one command and one answer for each connection.
#pragma once

#include <functional>
#include <string>

#include "stress/wan/netns.h"

namespace stress::wan {

// Throws Error with the lab's own words, or when no lab of that name is up.
std::string ask(const std::string& lab, const std::string& command);

Descriptor listen_for_commands(const std::string& lab);

// Takes one connection and answers it with what carry_out returns, or the text of what it throws.
void answer(const Descriptor& listener, const std::function<std::string(const std::string&)>& carry_out);

}  // namespace stress::wan
