// "--name value" on the command lines of stress programs and of the roles they start.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace stress {

// The parts of "a,b,c"; none of an empty text.
inline std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream all(text);
    for (std::string part; std::getline(all, part, ',');) parts.push_back(part);
    return parts;
}

class Options {
public:
    // flags: options without a value. Throws for what is not "--name value" or is not among names.
    Options(int argc, char** argv, const std::set<std::string>& names,
            const std::set<std::string>& flags = {}) {
        for (int i = 1; i < argc; ++i) {
            const std::string name = argv[i];
            if (name.rfind("--", 0) == 0 && flags.count(name.substr(2))) values_[name.substr(2)] = "1";
            else if (name.rfind("--", 0) != 0 || !names.count(name.substr(2)))
                throw std::runtime_error("unknown option '" + name + "'");
            else if (++i == argc) throw std::runtime_error(name + " needs a value");
            else values_[name.substr(2)] = argv[i];
        }
    }
    std::string text(const std::string& name, const std::string& otherwise) const {
        const auto hit = values_.find(name);
        return hit == values_.end() ? otherwise : hit->second;
    }
    uint64_t number(const std::string& name, uint64_t otherwise) const {
        const auto hit = values_.find(name);
        return hit == values_.end() ? otherwise : std::stoull(hit->second);
    }
    bool has(const std::string& name) const { return values_.count(name) != 0; }

private:
    std::map<std::string, std::string> values_;
};

}  // namespace stress
