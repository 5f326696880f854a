// SOCK_SEQPACKET: a command is one message, and so is its answer, which begins with "ok " or "no ".
#include "stress/wan/control.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "stress/wan/files.h"

namespace stress::wan {
namespace {

constexpr size_t kCommandBytesMax = 4096;
constexpr size_t kAnswerBytesMax = 128 << 10;  // kHostsMax squared lines of stats
constexpr timeval kPatience{5, 0};             // of a client; the router waits for nobody
constexpr timeval kPatienceOfRouter{0, 100'000};

Descriptor seqpacket() {
    Descriptor made(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (made.get() < 0) throw Error(std::string("socket: ") + std::strerror(errno));
    return made;
}

sockaddr_un address_of(const std::string& lab) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = Files(lab).control();
    std::copy_n(path.c_str(), std::min(path.size(), sizeof address.sun_path - 1), address.sun_path);
    return address;
}

}  // namespace

std::string ask(const std::string& lab, const std::string& command) {
    const Descriptor line = seqpacket();
    const sockaddr_un address = address_of(lab);
    setsockopt(line.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    if (connect(line.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw Error("no lab '" + lab + "' is up");
    std::vector<char> text(kAnswerBytesMax);
    if (send(line.get(), command.data(), command.size(), MSG_NOSIGNAL) < 0)
        throw Error("the lab '" + lab + "' does not listen");
    const ssize_t got = recv(line.get(), text.data(), text.size(), 0);
    if (got < 3) throw Error("the lab '" + lab + "' does not answer");
    const std::string answer(text.data(), static_cast<size_t>(got));
    if (answer.compare(0, 3, "ok ") != 0) throw Error(answer.substr(3));
    return answer.substr(3);
}

Descriptor listen_for_commands(const std::string& lab) {
    Descriptor listener = seqpacket();
    const sockaddr_un address = address_of(lab);
    if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener.get(), 8) != 0)
        throw Error(Files(lab).control() + ": " + std::strerror(errno));
    return listener;
}

void answer(const Descriptor& listener, const std::function<std::string(const std::string&)>& carry_out) {
    const Descriptor client(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.get() < 0) return;
    setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatienceOfRouter, sizeof kPatienceOfRouter);
    char command[kCommandBytesMax];
    const ssize_t got = recv(client.get(), command, sizeof command, 0);
    if (got <= 0) return;
    std::string text;
    try {
        text = "ok " + carry_out(std::string(command, static_cast<size_t>(got)));
    } catch (const std::exception& problem) { text = std::string("no ") + problem.what(); }
    send(client.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

Descriptor open_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return Descriptor(signalfd(-1, &set, SFD_CLOEXEC));
}

void answer_until_quit(const Descriptor& listener, int input,
                       const std::function<std::string(const std::string&)>& carry_out) {
    const Descriptor signals = open_signals();
    bool stopped = false;
    const auto hear = [&](const std::string& line) {
        std::string text = carry_out(line);
        stopped = stopped || line == "quit";
        return text;
    };
    while (!stopped) {
        pollfd ready[] = {{listener.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}, {input, POLLIN, 0}};
        if (poll(ready, 3, -1) < 0 && errno != EINTR)
            throw Error(std::string("poll: ") + std::strerror(errno));
        if (ready[0].revents != 0) answer(listener, hear);
        char nothing[64];
        const bool input_ended = ready[2].revents != 0 && read(input, nothing, sizeof nothing) <= 0;
        stopped = stopped || ready[1].revents != 0 || input_ended;
    }
}

}  // namespace stress::wan
