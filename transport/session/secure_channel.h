// The seam behind which TLS sits: bytes in, bytes out, no sockets. Real one: OpenSSL TLS 1.3 over memory
// buffers. Stand-in for the simulator: same identities and record framing, no cryptography. Security none
// has no channel at all, so that payloads go straight between socket and buffer.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"

namespace whim {

class SecureChannel {
public:
    virtual ~SecureChannel() = default;
    // Bytes from the network. They must stay readable until read() has returned 0, and read() has to be
    // called until then (once established), so that they can be decrypted without being stored.
    virtual Status feed(ByteSpan from_network) = 0;
    virtual Result<size_t> read(MutableByteSpan plain) = 0;  // decrypted bytes; 0 when there are none yet
    virtual Result<size_t> write(ByteSpan plain) = 0;        // encrypts; may take less than given
    virtual ByteSpan to_network() const = 0;                 // encrypted bytes waiting to be sent
    virtual void sent(size_t bytes) = 0;                     // drops that many from to_network()
    virtual bool established() const = 0;
    virtual std::optional<PeerId> remote_id() const = 0;  // proved identity, once established
};

class ChannelFactory {
public:
    enum class Side : uint8_t { dialer, listener };
    virtual ~ChannelFactory() = default;
    virtual std::unique_ptr<SecureChannel> make(Side side) = 0;
};

}  // namespace whim
