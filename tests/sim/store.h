// The coordinators' disk: a journal that survives every crash, guarded by fencing tokens as etcd guards it.
//
// opened() hands out a higher token each time; an append under a lower one is refused, so an old leader that
// thaws finds out that it is one. Observers see each record the moment it is durable.
#pragma once

#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace whim::sim {

class Store {
public:
    FencingToken open() { return newest_ = newest_.next(); }
    bool append(FencingToken token, Bytes record) {
        if (token < newest_) return false;
        records_.push_back(std::move(record));
        if (observer_) observer_(records_.back());
        return true;
    }
    const std::vector<Bytes>& records() const { return records_; }
    void observe(std::function<void(const Bytes&)> observer) { observer_ = std::move(observer); }

private:
    FencingToken newest_;
    std::vector<Bytes> records_;
    std::function<void(const Bytes&)> observer_;
};

}  // namespace whim::sim
