// Where a lab keeps what others must find: /run/whim-wan/LAB. The router holds `lock` for as long as it
// lives.
#pragma once

#include <string>

namespace stress::wan {

inline const std::string kLabsDirectory = "/run/whim-wan";

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
