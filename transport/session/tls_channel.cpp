// OpenSSL reads straight from the bytes fed last and writes into one queue; nothing else is stored here.
#include "transport/session/tls_channel.h"

#include <algorithm>
#include <limits>

#include <openssl/err.h>

#include "base/assert.h"
#include "base/limits.h"
#include "transport/session/byte_queue.h"
#include "transport/session/tls_context.h"

namespace whim {
namespace {

class TlsChannel final : public SecureChannel {
public:
    TlsChannel(SSL_CTX* context, const BIO_METHOD* method, ChannelFactory::Side side)
        : ssl_(SSL_new(context)) {
        BIO* const bio = BIO_new(method);
        WHIM_ASSERT(ssl_ && bio);
        BIO_set_data(bio, this);
        BIO_set_init(bio, 1);
        SSL_set_bio(ssl_.get(), bio, bio);
        if (side == ChannelFactory::Side::listener) {
            SSL_set_accept_state(ssl_.get());
            return;
        }
        SSL_set_connect_state(ssl_.get());
        ERR_clear_error();
        SSL_do_handshake(ssl_.get());  // writes the client hello
    }

    Status feed(ByteSpan from_network) override {
        if (!in_.empty()) return fail(Code::E_INTERNAL, "tls: fed again before all was read");
        in_ = from_network;
        if (established_) return {};
        ERR_clear_error();
        const int done = SSL_do_handshake(ssl_.get());
        if (done != 1) return trouble(done, "tls handshake");
        remote_ = certified_peer(SSL_get0_peer_certificate(ssl_.get()));
        if (!remote_) return fail(Code::E_IDENTITY, "tls: no usable certificate");
        established_ = true;
        return {};
    }

    Result<size_t> read(MutableByteSpan plain) override {
        size_t count = 0;
        ERR_clear_error();
        const int done = SSL_read_ex(ssl_.get(), plain.data(), plain.size(), &count);
        if (done == 1) return count;
        if (const Status status = trouble(done, "tls"); !status) return status.error();
        return size_t{0};
    }

    Result<size_t> write(ByteSpan plain) override {
        if (!established_ || plain.empty()) return size_t{0};
        size_t count = 0;
        ERR_clear_error();
        int done = 1;
        if (written_with_key_ >= limits::kTlsBytesPerKeyMax) {
            done = SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
            written_with_key_ = 0;
        }
        if (done == 1) done = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &count);
        if (done != 1) return fail(Code::E_PROTOCOL, openssl_error("tls write"));
        written_with_key_ += count;
        return count;
    }

    ByteSpan to_network() const override { return out_.front(); }
    void sent(size_t bytes) override { out_.drop(bytes); }
    bool established() const override { return established_; }
    std::optional<PeerId> remote_id() const override { return remote_; }

    // For the BIO.
    size_t take(char* to, size_t bytes_max) {
        const size_t count = std::min(bytes_max, in_.size());
        std::copy_n(in_.begin(), count, reinterpret_cast<std::byte*>(to));
        in_ = in_.subspan(count);
        return count;
    }
    void give(ByteSpan bytes) { out_.append(bytes); }

private:
    // Success when OpenSSL only waits for more bytes.
    Status trouble(int done, const char* doing) {
        switch (SSL_get_error(ssl_.get(), done)) {
            case SSL_ERROR_WANT_READ: return {};
            case SSL_ERROR_ZERO_RETURN:
                return fail(Code::E_PROTOCOL, std::string(doing) + ": closed by the other side");
            default: break;
        }
        const long verdict = SSL_get_verify_result(ssl_.get());
        return fail(verdict == X509_V_OK ? Code::E_PROTOCOL : Code::E_IDENTITY, openssl_error(doing));
    }

    const SslHandle ssl_;
    ByteSpan in_;  // fed and not yet taken by OpenSSL
    ByteQueue out_;
    bool established_ = false;
    std::optional<PeerId> remote_;
    uint64_t written_with_key_ = 0;
};

TlsChannel& channel_of(BIO* bio) { return *static_cast<TlsChannel*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* to, size_t bytes_max, size_t* count) {
    BIO_clear_retry_flags(bio);
    *count = channel_of(bio).take(to, bytes_max);
    if (*count > 0) return 1;
    BIO_set_retry_read(bio);
    return 0;
}

int bio_write(BIO* bio, const char* from, size_t bytes, size_t* count) {
    BIO_clear_retry_flags(bio);
    channel_of(bio).give(std::as_bytes(std::span(from, bytes)));
    *count = bytes;
    return 1;
}

long bio_ctrl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

}  // namespace

Result<std::unique_ptr<TlsChannelFactory>> TlsChannelFactory::create(const Identity& identity) {
    Result<ContextHandle> tls = make_tls_context(identity);
    if (!tls) return tls.error();
    auto context = std::make_unique<Context>();
    context->tls = std::move(*tls);
    context->bio.reset(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "whimbrel memory"));
    BIO_METHOD* const bio = context->bio.get();
    const bool set = bio && BIO_meth_set_read_ex(bio, bio_read) == 1 &&
                     BIO_meth_set_write_ex(bio, bio_write) == 1 && BIO_meth_set_ctrl(bio, bio_ctrl) == 1;
    if (!set) return fail(Code::E_SYSTEM, openssl_error("setting up TLS"));
    return std::unique_ptr<TlsChannelFactory>(new TlsChannelFactory(std::move(context)));
}

TlsChannelFactory::TlsChannelFactory(std::unique_ptr<Context> context) : context_(std::move(context)) {}
TlsChannelFactory::~TlsChannelFactory() = default;

std::unique_ptr<SecureChannel> TlsChannelFactory::make(Side side) {
    return std::make_unique<TlsChannel>(context_->tls.get(), context_->bio.get(), side);
}

}  // namespace whim
