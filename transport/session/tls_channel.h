// The real SecureChannel: TLS 1.3 by OpenSSL, both sides with a certificate, stepped over memory.
//
// Certificates are self-signed Ed25519 made from the identity's key. Any well-formed one is accepted: it
// only carries the public key, whose possession the handshake proves and whose hash is the peer id. Who may
// speak is decided by the owner, by that id. No tickets, no resumption, no renegotiation, no other version.
#pragma once

#include "base/status.h"
#include "transport/session/identity.h"
#include "transport/session/secure_channel.h"

namespace whim {

class TlsChannelFactory final : public ChannelFactory {
public:
    static Result<std::unique_ptr<TlsChannelFactory>> create(const Identity& identity);
    ~TlsChannelFactory() override;
    std::unique_ptr<SecureChannel> make(Side side) override;

    struct Context;

private:
    explicit TlsChannelFactory(std::unique_ptr<Context> context);
    std::unique_ptr<Context> context_;
};

}  // namespace whim
