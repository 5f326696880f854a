// What a lab's process hears: its unix socket, with one command and one answer for each connection, and what
// tells it to end.
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

// Readable when one of SIGTERM and SIGINT, which are blocked, has come.
Descriptor open_signals();

// The same for all connections, until one says quit, a signal comes or `input`, unless it is -1, ends.
void answer_until_quit(const Descriptor& listener, int input,
                       const std::function<std::string(const std::string&)>& carry_out);

}  // namespace stress::wan
