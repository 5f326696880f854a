// Files and chance for identities.
#include "transport/asio/identity_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

namespace whim {
namespace {

constexpr size_t kHexBytes = 2 * std::tuple_size_v<KeySeed>;

Error trouble(const std::string& path, const char* doing) {
    return fail(Code::E_SYSTEM, "identity file " + path + ": " + doing + ": " + std::strerror(errno));
}

class File {
public:
    File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(const File&) = delete;
    int fd() const { return fd_; }

private:
    const int fd_;
};

}  // namespace

Identity generate_identity() {
    WHIM_ASSERT(sodium_init() >= 0);
    KeySeed seed{};
    randombytes_buf(seed.data(), seed.size());
    return Identity(seed);
}

Result<Identity> load_identity(const std::string& path) {
    const File file(path, O_RDONLY);
    if (file.fd() < 0) return trouble(path, "cannot be opened");
    struct stat info {};
    if (::fstat(file.fd(), &info) != 0) return trouble(path, "cannot be examined");
    if ((info.st_mode & 077) != 0) {
        return fail(Code::E_SYSTEM, "identity file " + path + ": others may read it; run chmod 600 on it");
    }
    std::array<char, kHexBytes + 2> text{};
    const ssize_t got = ::read(file.fd(), text.data(), text.size());
    if (got < 0) return trouble(path, "cannot be read");
    KeySeed seed{};
    size_t bytes = 0;
    const bool whole = static_cast<size_t>(got) >= kHexBytes &&
                       sodium_hex2bin(seed.data(), seed.size(), text.data(), kHexBytes, nullptr, &bytes, nullptr) == 0 &&
                       bytes == seed.size();
    if (!whole) return fail(Code::E_SYSTEM, "identity file " + path + ": not 64 hex digits");
    return Identity(seed);
}

Status save_identity(const Identity& identity, const std::string& path) {
    const File file(path, O_WRONLY | O_CREAT | O_EXCL);
    if (file.fd() < 0) return trouble(path, "cannot be created");
    std::array<char, kHexBytes + 1> text{};
    sodium_bin2hex(text.data(), text.size(), identity.seed().data(), identity.seed().size());
    text.back() = '\n';
    const bool written = ::write(file.fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!written || ::fsync(file.fd()) != 0) return trouble(path, "cannot be written");
    return {};
}

Result<Identity> load_or_create_identity(const std::string& path) {
    if (::access(path.c_str(), F_OK) == 0) return load_identity(path);
    const Identity identity = generate_identity();
    if (const Status saved = save_identity(identity, path); !saved) return saved.error();
    return identity;
}

}  // namespace whim
