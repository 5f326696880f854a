// Bytes on their way out of one strand: encoded frames, and payloads that stay in the owner's memory until
// they are written. Given to the driver as pieces for one gather write.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "transport/session/out_frame.h"

namespace whim {

class OutQueue {
public:
    // Appended to; only while no pieces are with the driver. A piece is freed when all of it is written, so
    // under constant back pressure one that is always appended to would only grow.
    Bytes& tail() {
        const bool fresh =
            pieces_.empty() || pieces_.back().frame || pieces_.back().bytes.size() >= limits::kOutPieceBytes;
        if (fresh) pieces_.emplace_back();
        return pieces_.back().bytes;
    }
    // A part of a pinned payload; `number` is its count on its strand.
    void push_payload(ByteSpan payload, std::shared_ptr<OutFrame> of, uint64_t number) {
        pieces_.push_back({{}, payload, std::move(of), number});
    }

    size_t unwritten() const {
        size_t total = 0;
        for (const Piece& piece : pieces_) total += piece.span().size();
        return total - written_;
    }
    // Bytes of memory that encoded frames occupy, written ones included.
    size_t held() const {
        size_t total = 0;
        for (const Piece& piece : pieces_) total += piece.bytes.size();
        return total;
    }
    // Fills out from the front; returns how many.
    size_t front(std::span<ByteSpan> out) const {
        size_t count = 0;
        size_t skip = written_;
        for (const Piece& piece : pieces_) {
            if (count == out.size()) break;
            const ByteSpan rest = piece.span().subspan(skip);
            skip = 0;
            if (!rest.empty()) out[count++] = rest;
        }
        return count;
    }
    // What lies `skip` bytes behind the front, in one piece; empty: nothing.
    ByteSpan after(size_t skip) const {
        skip += written_;
        for (const Piece& piece : pieces_) {
            if (skip < piece.span().size()) return piece.span().subspan(skip);
            skip -= piece.span().size();
        }
        return {};
    }
    // Drops that many bytes; unpin(frame) for each payload that is through. It may lead to anything.
    template <class Unpin> void consume(size_t bytes, Unpin unpin) {
        written_ += bytes;
        while (!pieces_.empty() && written_ >= pieces_.front().span().size()) {
            const Piece piece = std::move(pieces_.front());
            pieces_.pop_front();
            written_ -= piece.span().size();
            if (piece.frame) unpin(*piece.frame);
        }
        WHIM_ASSERT(!pieces_.empty() || written_ == 0);
    }
    template <class Unpin> void clear(Unpin unpin) {
        std::deque<Piece> pieces;
        pieces.swap(pieces_);
        written_ = 0;
        for (const Piece& piece : pieces) {
            if (piece.frame) unpin(*piece.frame);
        }
    }
    // Number of the first frame whose payload is still pinned.
    std::optional<uint64_t> first_pinned() const {
        for (const Piece& piece : pieces_) {
            if (piece.frame) return piece.number;
        }
        return std::nullopt;
    }

private:
    struct Piece {
        Bytes bytes;
        ByteSpan payload;
        std::shared_ptr<OutFrame> frame;
        uint64_t number = 0;
        ByteSpan span() const { return frame ? payload : ByteSpan(bytes); }
    };
    std::deque<Piece> pieces_;
    size_t written_ = 0;  // of the first piece
};

}  // namespace whim
