// Files and chance for identities.
#include "transport/asio/identity_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

namespace whim {
namespace {

constexpr size_t kHexBytes = 2 * std::tuple_size_v<KeySeed>;

Error trouble(const std::string& path, const char* doing) {
    return fail(Code::E_SYSTEM, "identity file " + path + ": " + doing + ": " + std::strerror(errno));
}

bool read_hex(std::string_view digits, KeySeed& seed) {
    if (digits.size() != kHexBytes) return false;
    for (size_t i = 0; i < seed.size(); ++i) {
        const char* const two = digits.data() + 2 * i;
        if (std::from_chars(two, two + 2, seed[i], 16).ptr != two + 2) return false;
    }
    return true;
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
    KeySeed seed{};
    WHIM_ASSERT(::getrandom(seed.data(), seed.size(), 0) == static_cast<ssize_t>(seed.size()));
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
    const std::string_view digits(text.data(), std::min(static_cast<size_t>(got), kHexBytes));
    if (!read_hex(digits, seed)) return fail(Code::E_SYSTEM, "identity file " + path + ": not 64 hex digits");
    return Identity(seed);
}

Status save_identity(const Identity& identity, const std::string& path) {
    const File file(path, O_WRONLY | O_CREAT | O_EXCL);
    if (file.fd() < 0) return trouble(path, "cannot be created");
    std::string text;
    for (const uint8_t byte : identity.seed()) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
    text += '\n';
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
