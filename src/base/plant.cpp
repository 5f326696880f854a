// Names of planted bugs, for the simulator's command line and its reports.
#include "base/plant.h"

namespace whim {

std::string_view plant_name(Plant plant) {
    switch (plant) {
#define WHIM_X(name, rule)                                                                                   \
    case Plant::name: return #name;
        WHIM_PLANT_LIST(WHIM_X)
#undef WHIM_X
    }
    return "none";
}

std::string_view plant_rule(Plant plant) {
    switch (plant) {
#define WHIM_X(name, rule)                                                                                   \
    case Plant::name: return rule;
        WHIM_PLANT_LIST(WHIM_X)
#undef WHIM_X
    }
    return "";
}

}  // namespace whim
