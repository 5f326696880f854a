// A child process of a test, killed with the object: the whimbrel command, or a function in a fork.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace whim::testing {

class Child {
public:
    // The whimbrel command with these arguments.
    explicit Child(const std::vector<std::string>& arguments)
        : Child([&arguments] {
              std::vector<char*> argv{const_cast<char*>(WHIM_COMMAND)};
              for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
              argv.push_back(nullptr);
              execv(WHIM_COMMAND, argv.data());
          }) {}
    // A function that does not return; what it prints is read here. It may use all of C++ only while this
    // process has no other thread.
    explicit Child(const std::function<void()>& body) {
        int out[2];
        WHIM_ASSERT(pipe(out) == 0);
        std::fflush(nullptr);
        pid_ = fork();
        if (pid_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            dup2(out[1], STDOUT_FILENO);
            dup2(out[1], STDERR_FILENO);
            close(out[0]), close(out[1]);
            body();
            _exit(127);
        }
        close(out[1]);
        out_ = fdopen(out[0], "r");
    }
    ~Child() {
        end(SIGKILL);
        std::fclose(out_);
    }
    Child(const Child&) = delete;

    pid_t pid() const { return pid_; }
    // The rest of the first line that holds this word, after it; "" at the end of output.
    std::string after(const std::string& word) {
        char line[4096];
        while (std::fgets(line, sizeof line, out_) != nullptr) {
            const std::string text(line);
            const size_t at = text.find(word);
            if (at != std::string::npos)
                return text.substr(at + word.size(), text.find_last_not_of('\n') + 1 - at - word.size());
        }
        return {};
    }
    int end(int signal) {
        if (pid_ <= 0) return -1;
        kill(pid_, signal);
        int status = 0;
        waitpid(std::exchange(pid_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

private:
    pid_t pid_ = -1;
    FILE* out_ = nullptr;
};

// The value of NAME=VALUE in the coordinator's line of readiness.
inline std::string field(const std::string& ready, const std::string& name) {
    const size_t at = ready.find(name + "=");
    if (at == std::string::npos) return {};
    const size_t from = at + name.size() + 1;
    return ready.substr(from, ready.find(' ', from) - from);
}

}  // namespace whim::testing
