// Child processes of a stress program: this program again in another role, or a comparison program, spoken to
// line by line. Their log is at WHIMBREL_LOG=warn unless the environment says otherwise.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "stress/place.h"

namespace stress {

using Millis = std::chrono::milliseconds;

// Nothing was heard in time.
struct Silence : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Child {
public:
    // Runs this executable with the arguments; its stdin and stdout are pipes to us. It dies with us.
    static Child start(const std::vector<std::string>& arguments, const Place& place = {});
    // The same for another program, found by PATH if it has no slash, with its arguments.
    static Child start_program(const std::vector<std::string>& command);
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    ~Child();  // kills it if it still runs

    void say(const std::string& line);
    // The next line; throws Silence when none comes in time, something else when the child has ended.
    std::string hear(Millis within);
    // The next line, which begins with `word`: what follows it. Anything else is an error with both.
    std::string expect(const std::string& word, Millis within);
    void freeze();               // SIGSTOP
    void thaw();                 // SIGCONT
    void kill_hard();            // SIGKILL, and waits for it
    bool finish(Millis within);  // closes its stdin and waits: true when it ended with 0
    pid_t pid() const { return pid_; }

private:
    Child() = default;
    pid_t pid_ = -1;
    int to_ = -1, from_ = -1;
    std::string pending_;
};

// What is left of a patience with several answers together.
class Deadline {
public:
    explicit Deadline(Millis patience) : at_(std::chrono::steady_clock::now() + patience) {}
    Millis left() const { return std::chrono::duration_cast<Millis>(at_ - std::chrono::steady_clock::now()); }

private:
    const std::chrono::steady_clock::time_point at_;
};

}  // namespace stress
