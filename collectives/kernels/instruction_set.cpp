// Each compilation of this file for a target reports that target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/instruction_set.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include "collectives/kernels/instruction_set.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {

const char* name_here() { return hwy::TargetName(HWY_TARGET); }

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(name_here);

std::string_view instruction_set() { return HWY_DYNAMIC_DISPATCH(name_here)(); }

}  // namespace whim::kernels
#endif
