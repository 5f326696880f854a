// The simulator's SecureChannel: identities and record framing as TLS has them, without cryptography.
// Deterministic; a flipped or missing byte breaks it as it would break TLS. Never used by the shell.
#pragma once

#include "transport/session/secure_channel.h"

namespace whim {

class SimChannelFactory final : public ChannelFactory {
public:
    explicit SimChannelFactory(PeerId self) : self_(self) {}
    std::unique_ptr<SecureChannel> make(Side side) override;

private:
    const PeerId self_;
};

}  // namespace whim
