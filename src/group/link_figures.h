// What is known of the links between a round's participants: published when it begins, so that all derive the
// same plans from it (collectives/plan).
//
// Either an operator knows, and says so by name; or it is what members measured. A path is taken to carry
// what its link is paced at, no more: what it could carry when others of the same line are idle is not known,
// and no plan is chosen on a hope.
#pragma once

#include <string>
#include <vector>

#include "group/link_matrix.h"
#include "wire/link_figure.h"

namespace whim::group {

// By name, as an operator wrote it down. figures: row by row, as below.
struct GivenLinks {
    std::vector<std::string> names;
    std::vector<wire::LinkFigure> figures;
};

// [from][to] of the participants, row by row. Empty when there are fewer than 3 or more than
// limits::kPlanPublishedMembersMax, or the pace of some link is not known.
std::vector<wire::LinkFigure> link_figures(const LinkMatrix& links,
                                           const std::vector<MemberId>& participants);

// The same of those that are given. Empty when a name is not among them, or is twice among the participants'.
std::vector<wire::LinkFigure> link_figures(const GivenLinks& given, const std::vector<std::string>& names);

}  // namespace whim::group
