// Files and chance for identities.
#include "transport/asio/identity_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
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

// A name of its own beside the file, gone with the object.
class Temporary {
public:
    explicit Temporary(const std::string& beside) : path_(beside + ".new-XXXXXX") {
        fd_ = ::mkostemp(path_.data(), O_CLOEXEC);  // mode 0600
    }
    ~Temporary() {
        if (fd_ < 0) return;
        ::close(fd_);
        ::unlink(path_.c_str());
    }
    Temporary(const Temporary&) = delete;
    int fd() const { return fd_; }
    const char* path() const { return path_.c_str(); }

private:
    std::string path_;
    int fd_;
};

bool write_and_sync(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        text.remove_prefix(static_cast<size_t>(written));
    }
    return ::fsync(fd) == 0;
}

// Gives a file its name unless the name is taken (EEXIST). Not every file system has hard links.
bool publish(const char* from, const char* to) {
    if (::link(from, to) == 0) return true;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return false;
    return ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0;
}

// The name is as safe from a power cut as the bytes. Some file systems cannot sync a directory; then it is
// not.
void sync_directory_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const File opened(directory, O_RDONLY | O_DIRECTORY);
    if (opened.fd() >= 0) ::fsync(opened.fd());
}

// `exists` is set when the name is taken.
Status save_new(const Identity& identity, const std::string& path, bool& exists) {
    std::string text;
    for (const uint8_t byte : identity.seed()) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
    text += '\n';
    const Temporary fresh(path);
    if (fresh.fd() < 0) return trouble(path, "cannot be created");
    if (!write_and_sync(fresh.fd(), text)) return trouble(path, "cannot be written");
    if (!publish(fresh.path(), path.c_str())) {
        exists = errno == EEXIST;
        return trouble(path, "cannot be created");
    }
    sync_directory_of(path);
    return {};
}

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
    bool exists = false;
    return save_new(identity, path, exists);
}

Result<Identity> load_or_create_identity(const std::string& path) {
    if (::access(path.c_str(), F_OK) == 0) return load_identity(path);
    const Identity identity = generate_identity();
    bool exists = false;
    const Status saved = save_new(identity, path, exists);
    if (exists) return load_identity(path);  // somebody was faster: theirs is the one
    if (!saved) return saved.error();
    return identity;
}

}  // namespace whim
