// Certificate, its verification, and the settings of a context.
#include "transport/session/tls_context.h"

#include <openssl/err.h>

#include "base/limits.h"

namespace whim {
namespace {

// Fixed texts and dates: the same key always makes the same certificate, and no clock is asked.
CertHandle make_certificate(EVP_PKEY* key, const std::string& name) {
    CertHandle cert(X509_new());
    if (!cert) return nullptr;
    X509_NAME* subject = X509_get_subject_name(cert.get());
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    const bool made = X509_set_version(cert.get(), X509_VERSION_3) == 1 &&
                      ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1) == 1 &&
                      ASN1_TIME_set_string_X509(X509_getm_notBefore(cert.get()), "19700101000000Z") == 1 &&
                      ASN1_TIME_set_string_X509(X509_getm_notAfter(cert.get()), "99991231235959Z") == 1 &&
                      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1 &&
                      X509_set_issuer_name(cert.get(), subject) == 1 &&
                      X509_set_pubkey(cert.get(), key) == 1 && X509_sign(cert.get(), key, nullptr) > 0;
    return made ? std::move(cert) : nullptr;
}

// Replaces chain building: there is no authority but the key itself.
int verify_certificate(X509_STORE_CTX* store, void*) {
    const bool good = certified_peer(X509_STORE_CTX_get0_cert(store)).has_value();
    if (!good) X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return good ? 1 : 0;
}

}  // namespace

std::optional<PeerId> certified_peer(X509* cert) {
    EVP_PKEY* key = cert ? X509_get0_pubkey(cert) : nullptr;
    if (!key || EVP_PKEY_id(key) != EVP_PKEY_ED25519 || X509_verify(cert, key) != 1) return std::nullopt;
    PublicKey raw{};
    size_t bytes = raw.size();
    if (EVP_PKEY_get_raw_public_key(key, raw.data(), &bytes) != 1 || bytes != raw.size()) return std::nullopt;
    return peer_id_of(raw);
}

std::string openssl_error(const char* doing) {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char* reason = code ? ERR_reason_error_string(code) : nullptr;
    return std::string(doing) + ": " + (reason ? reason : "unknown error");
}

Result<ContextHandle> make_tls_context(const Identity& identity) {
    ERR_clear_error();
    const KeySeed& seed = identity.seed();
    const KeyHandle key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
    const CertHandle cert =
        key ? make_certificate(key.get(), "whimbrel " + short_name(identity.id())) : nullptr;
    if (!cert) return fail(Code::E_SYSTEM, openssl_error("making the certificate"));

    ContextHandle tls(SSL_CTX_new(TLS_method()));
    SSL_CTX* const ctx = tls.get();
    const bool set =
        ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
        SSL_CTX_set1_groups_list(ctx, "X25519") == 1 && SSL_CTX_set1_sigalgs_list(ctx, "ed25519") == 1 &&
        SSL_CTX_use_certificate(ctx, cert.get()) == 1 && SSL_CTX_use_PrivateKey(ctx, key.get()) == 1 &&
        SSL_CTX_set_num_tickets(ctx, 0) == 1;
    if (!set) return fail(Code::E_SYSTEM, openssl_error("setting up TLS"));
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_max_cert_list(ctx, limits::kCertificateBytesMax);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(ctx, verify_certificate, nullptr);
    return tls;
}

}  // namespace whim
