// Names: of a lab's namespaces, and of where it keeps what others must find, /run/whim-wan/LAB. The lab's
// process holds `lock` for as long as it lives.
#pragma once

#include <string>

namespace stress::wan {

inline const std::string kLabsDirectory = "/run/whim-wan";

// The network namespaces of a lab. Of a host, where its programs run:
inline std::string namespace_of(const std::string& lab, const std::string& host) {
    return "whim-" + lab + "-" + host;
}
// With the kernel as the emulator also one of each host's access line, and one that all lines meet in. No
// host's name has a full stop.
inline std::string line_namespace_of(const std::string& lab, const std::string& host) {
    return namespace_of(lab, host) + ".line";
}
inline std::string core_namespace_of(const std::string& lab) { return namespace_of(lab, ".core"); }

class Files {
public:
    explicit Files(const std::string& lab) : directory_(kLabsDirectory + "/" + lab) {}
    const std::string& directory() const { return directory_; }
    std::string control() const { return directory_ + "/control"; }  // a unix socket
    std::string hosts() const { return directory_ + "/hosts"; }      // their names, one a line
    std::string lock() const { return directory_ + "/lock"; }
    std::string log() const { return directory_ + "/log"; }  // of a router in the background

private:
    std::string directory_;
};

}  // namespace stress::wan
