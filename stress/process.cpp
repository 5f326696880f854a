// fork and exec, pipes, and time limits on everything.
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <thread>
#include <utility>

namespace stress {
namespace {

[[noreturn]] void become(std::vector<std::string> command, int in, int out) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    setenv("WHIMBREL_LOG", "warn", 0);  // a user's own choice stays
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    std::vector<char*> argv;
    for (auto& each : command) argv.push_back(each.data());
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

}  // namespace

Child Child::start(const std::vector<std::string>& arguments, const Place& place) {
    std::vector<std::string> command = place.command;
    command.push_back(std::filesystem::read_symlink("/proc/self/exe"));
    command.insert(command.end(), arguments.begin(), arguments.end());
    return start_program(command);
}

Child Child::start_program(const std::vector<std::string>& command) {
    signal(SIGPIPE, SIG_IGN);  // a child that is gone is an error of say()
    int down[2], up[2];
    if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    Child child;
    child.pid_ = fork();
    if (child.pid_ < 0) throw std::runtime_error("fork failed");
    if (child.pid_ == 0) become(command, down[0], up[1]);
    close(down[0]);
    close(up[1]);
    child.to_ = down[1];
    child.from_ = up[0];
    return child;
}

Child::Child(Child&& other) noexcept { *this = std::move(other); }

Child& Child::operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(to_, other.to_);
    std::swap(from_, other.from_);
    std::swap(pending_, other.pending_);
    return *this;
}

Child::~Child() {
    if (pid_ > 0) kill_hard();
    if (to_ >= 0) close(to_);
    if (from_ >= 0) close(from_);
}

void Child::say(const std::string& line) {
    const std::string text = line + "\n";
    if (write(to_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        throw std::runtime_error("a child does not listen any more");
}

std::string Child::hear(Millis within) {
    const auto until = std::chrono::steady_clock::now() + within;
    for (;;) {
        if (const auto end = pending_.find('\n'); end != std::string::npos) {
            std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            return line;
        }
        const auto left = std::chrono::duration_cast<Millis>(until - std::chrono::steady_clock::now());
        pollfd wait{from_, POLLIN, 0};
        if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) == 0)
            throw Silence("process " + std::to_string(pid_) + " says nothing in time");
        char buffer[4096];
        const ssize_t got = read(from_, buffer, sizeof buffer);
        if (got <= 0) throw std::runtime_error("process " + std::to_string(pid_) + " has ended");
        pending_.append(buffer, static_cast<size_t>(got));
    }
}

std::string Child::expect(const std::string& word, Millis within) {
    const std::string line = hear(within);
    if (line.compare(0, word.size(), word) == 0 && (line.size() == word.size() || line[word.size()] == ' '))
        return line.size() > word.size() ? line.substr(word.size() + 1) : "";
    throw std::runtime_error("expected '" + word + "', heard '" + line + "'");
}

void Child::freeze() { kill(pid_, SIGSTOP); }

void Child::thaw() { kill(pid_, SIGCONT); }

void Child::kill_hard() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

bool Child::finish(Millis within) {
    close(std::exchange(to_, -1));
    const auto until = std::chrono::steady_clock::now() + within;
    while (std::chrono::steady_clock::now() < until) {
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
        std::this_thread::sleep_for(Millis(5));
    }
    return false;
}

}  // namespace stress
