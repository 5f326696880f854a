// The usual floating-point environment on a thread of the application's, for as long as this lives: rounding
// to nearest, subnormals kept. A training loop may have set another one (torch.set_flush_denormal, a library
// built with -ffast-math), and what all members must compute alike would differ in bits.
#pragma once

#include <cfenv>

namespace whim {

class UsualFloats {
public:
    UsualFloats() {
        std::fegetenv(&before_);
        std::fesetenv(FE_DFL_ENV);
    }
    ~UsualFloats() { std::fesetenv(&before_); }
    UsualFloats(const UsualFloats&) = delete;
    UsualFloats& operator=(const UsualFloats&) = delete;

private:
    std::fenv_t before_;
};

}  // namespace whim
