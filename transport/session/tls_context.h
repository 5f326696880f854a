// Inside of the TLS channel: OpenSSL handles with owners, and the context every channel of a factory shares.
#pragma once

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "transport/session/tls_channel.h"

namespace whim {

template <auto Free> struct OpenSslFree {
    template <class T> void operator()(T* handle) const { Free(handle); }
};
using KeyHandle = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
using CertHandle = std::unique_ptr<X509, OpenSslFree<X509_free>>;
using ContextHandle = std::unique_ptr<SSL_CTX, OpenSslFree<SSL_CTX_free>>;
using SslHandle = std::unique_ptr<SSL, OpenSslFree<SSL_free>>;
using BioMethodHandle = std::unique_ptr<BIO_METHOD, OpenSslFree<BIO_meth_free>>;

struct TlsChannelFactory::Context {
    ContextHandle tls;
    BioMethodHandle bio;  // reads from and writes to the memory of a channel
};

// The peer id a certificate stands for; nullopt unless it is self-signed Ed25519.
std::optional<PeerId> certified_peer(X509* cert);

// The oldest error of OpenSSL's queue in words; empties the queue.
std::string openssl_error(const char* doing);

Result<ContextHandle> make_tls_context(const Identity& identity);

}  // namespace whim
