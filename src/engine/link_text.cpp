// One sentence for each way in which a link goes down.
#include "engine/link_text.h"

#include "base/limits.h"

namespace whim {
namespace {

std::string what_happened(const std::string& here, const std::string& there, LinkDownKind kind) {
    switch (kind) {
        case LinkDownKind::closed: return here + " lost its connection to " + there;
        case LinkDownKind::refused:
        case LinkDownKind::unreachable:
        case LinkDownKind::identity: return there + " cannot be reached from " + here;
        case LinkDownKind::rejected: return there + " rejects the link from " + here;
        case LinkDownKind::version: return there + " and " + here + " speak no common protocol version";
        case LinkDownKind::protocol: return there + " broke the protocol on its link to " + here;
    }
    return there + " is gone";
}

}  // namespace

std::string link_text(const std::string& here, const std::string& there, LinkDownKind kind,
                      const std::string& detail) {
    const bool places =
        detail.starts_with("at ") || detail.starts_with("from ") || detail.starts_with("through ");
    const std::string text =
        what_happened(here, there, kind) + (detail.empty() ? "" : (places ? " " : ": ") + detail);
    return text.substr(0, limits::kReasonBytesMax);
}

}  // namespace whim
