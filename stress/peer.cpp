// Both roles over the public API alone.
#include "peer.h"

#include <stdlib.h>

#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "whimbrel/coordinator.h"

namespace stress {
namespace {

uint32_t security_of(const std::string& text) {
    if (text == "tls") return WHIM_SECURITY_TLS;
    if (text == "none") return WHIM_SECURITY_NONE;
    throw std::runtime_error("security is tls or none, not '" + text + "'");
}

uint32_t path_of(const std::string& text) {
    if (text == "auto") return WHIM_SAME_HOST_AUTO;
    if (text == "tcp") return WHIM_SAME_HOST_TCP;
    throw std::runtime_error("path is auto or tcp, not '" + text + "'");
}

void check_coordinator(whim_result result) {
    if (result >= 0) return;
    whim_error error = WHIM_ERROR_INIT;
    whim_coordinator_last_error(&error);
    throw whimbrel::Error(error);
}

}  // namespace

int coordinator_role(const Options& options) {
    const std::string directory = options.text("dir", "");
    whim_coordinator_options wishes = WHIM_COORDINATOR_OPTIONS_INIT;
    wishes.security = security_of(options.text("security", "tls"));
    wishes.run = "stress";
    const std::string listen = options.text("listen", "127.0.0.1:0");
    wishes.listen = listen.c_str();
    wishes.data_dir = directory.c_str();
    wishes.replicas_min = static_cast<uint32_t>(options.number("peers", 1));
    const std::string links = options.text("links", "");
    if (!links.empty()) wishes.links = links.c_str();
    whim_coordinator* coordinator = nullptr;
    check_coordinator(whim_coordinator_start(&wishes, &coordinator));
    char address[WHIM_TEXT_MAX];
    check_coordinator(whim_coordinator_address(coordinator, address, sizeof address));
    std::cout << "address " << address << std::endl;
    char invite[WHIM_INVITE_SIZE];
    check_coordinator(whim_coordinator_invite(coordinator, 86'400, invite, sizeof invite));
    std::cout << "invite " << invite << std::endl;
    std::string line;
    while (std::getline(std::cin, line)) {}
    whim_coordinator_stop(coordinator);
    return 0;
}

Coordinator start_coordinator(const std::string& directory, const std::string& security, uint64_t peers,
                              const Place& place, const std::string& listen, const std::string& links) {
    Child child = Child::start(
        {"--role", "coordinator", "--dir", directory, "--security", security, "--peers",
         std::to_string(peers), "--listen", listen.empty() ? place.address + ":0" : listen, "--links", links},
        place);
    std::string address = child.expect("address", Millis(kPatienceMs));
    std::string invite = child.expect("invite", Millis(kPatienceMs));
    return {std::move(child), std::move(address), std::move(invite)};
}

whimbrel::Group join(const std::string& invite, const std::string& security, const std::string& name,
                     const std::string& listen, const std::string& path) {
    whim_group_options options = WHIM_GROUP_OPTIONS_INIT;
    options.same_host_path = path_of(path);
    options.security = security_of(security);
    options.invite = invite.c_str();
    options.name = name.c_str();
    options.listen = listen.c_str();
    whimbrel::Group group(options);
    group.join().get(kPatienceMs);
    return group;
}

ScratchDirectory::ScratchDirectory() {
    char path[] = "/tmp/whimbrel-stress-XXXXXX";
    if (!mkdtemp(path)) throw std::runtime_error("mkdtemp failed");
    path_ = path;
}

ScratchDirectory::~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace stress
