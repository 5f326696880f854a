// /proc/cpuinfo and git.
#include "machine.h"

#include <sys/utsname.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>

namespace stress {
namespace {

std::string first_line_of(const char* command) {
    char line[256] = {};
    if (FILE* pipe = popen(command, "r")) {
        if (!std::fgets(line, sizeof line, pipe)) line[0] = '\0';
        pclose(pipe);
    }
    line[std::strcspn(line, "\n")] = '\0';
    return line[0] ? line : "unknown";
}

std::string processor() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
    utsname name{};
    uname(&name);
    return name.machine;
}

}  // namespace

std::string machine() {
    return processor() + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores";
}

std::string commit() { return first_line_of("git rev-parse --short HEAD 2>/dev/null"); }

}  // namespace stress
