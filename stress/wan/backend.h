// Who emulates the network of a lab, and whether that can be here.
//
//   tun     our router in user space, between TUN devices: network.h
//   netem   the kernel, as netem.h tells it
#pragma once

#include <optional>
#include <string>

namespace stress::wan {

enum class Backend { tun, netem };
constexpr const char* name_of(Backend backend) { return backend == Backend::tun ? "tun" : "netem"; }

// Why this process cannot have a lab, or one of that kind; nothing when it can. For netem the kernel is
// tried, in a namespace of its own.
std::optional<std::string> why_no_labs();
std::optional<std::string> why_unavailable(Backend backend = Backend::tun);

// What `auto`, `tun` or `netem` stands for here. Throws Error for another word.
struct Choice {
    std::optional<Backend> backend;  // nothing: neither can be
    std::string why;                 // this one, or none
};
Choice choose_backend(const std::string& word);

}  // namespace stress::wan
