// Stars and rings are one line each; trees are drawn from the root.
#include "cli/plan_picture.h"
#include "cli/words.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace whim::cli {
namespace {

using plan::Member;
using plan::Part;
using plan::Phase;
using plan::Plan;
using plan::Shape;
using Names = std::vector<std::string>;

constexpr size_t kPartsShown = 12;

double percent(const Part& part) { return 100.0 * part.share / plan::kShares; }

std::vector<Part> largest_parts(const Plan& plan) {
    std::vector<Part> parts = plan.parts;
    std::stable_sort(parts.begin(), parts.end(),
                     [](const Part& a, const Part& b) { return a.share > b.share; });
    parts.resize(std::min(parts.size(), kPartsShown));
    return parts;
}

void branch(const std::vector<Member>& parents, Member node, Member root, size_t depth, const Names& names,
            std::string& out) {
    out += fmt::format("    {:{}}{}\n", "", 2 * depth, names[node]);
    for (uint32_t v = 0; v < parents.size(); ++v)
        if (v != root && parents[v] == node)
            branch(parents, static_cast<Member>(v), root, depth + 1, names, out);
}

std::string tree_of(const Plan& plan, const Part& part, Phase phase, const Names& names) {
    std::string out;
    branch(parents_of(plan, part, phase), part.root, part.root, 0, names, out);
    return out;
}

std::string order_of(const std::vector<Member>& order, const Names& names) {
    std::string out;
    for (const Member m : order) out += names[m] + " > ";
    return out + names[order.front()];
}

std::string line_of(const Plan& plan, const Part& part, const Names& names) {
    std::string out = fmt::format("{:6.2f} %  root {}", percent(part), names[part.root]);
    switch (part.shape) {
        case Shape::star: return out + ": everybody to it, it to everybody\n";
        case Shape::ring: return out + ": around " + order_of(plan.tables[part.reduce], names) + "\n";
        case Shape::trees: break;
    }
    if (part.reduce == part.broadcast)
        return out + ", in and out over\n" + tree_of(plan, part, Phase::reduce, names);
    return out + ", in over\n" + tree_of(plan, part, Phase::reduce, names) + "  and out over\n" +
           tree_of(plan, part, Phase::broadcast, names);
}

constexpr double kPanel = 240, kTop = 36, kRadius = 80;
constexpr size_t kColumns = 4;

// One panel: members on a circle, the root filled; what comes in blue, what goes out orange and a little
// aside.
class Panel {
public:
    Panel(const Plan& plan, const Names& names, size_t number)
        : plan_(plan), names_(names), x_(kPanel * static_cast<double>(number % kColumns) + kPanel / 2),
          y_(kTop + kPanel * static_cast<double>(number / kColumns) + kPanel / 2) {}

    std::string draw(const Part& part) const {
        std::string out =
            fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"middle\">{:.1f} %, root {}</text>\n",
                        x_, y_ - kPanel / 2 + 14, percent(part), escaped(names_[part.root]));
        for_each_edge(plan_, part,
                      [&](Phase phase, Member from, Member to) { out += arrow(phase, from, to); });
        for (uint32_t v = 0; v < plan_.members; ++v) {
            const auto [x, y] = place(v, kRadius);
            out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" stroke=\"black\" fill=\"{}\"/>\n",
                               x, y, v == part.root ? "black" : "white");
            if (plan_.members > 24) continue;
            const auto [tx, ty] = place(v, kRadius + 14);
            out += fmt::format(
                "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" font-size=\"9\">{}</text>\n", tx,
                ty + 3, escaped(names_[v]));
        }
        return out;
    }

private:
    std::array<double, 2> place(uint32_t v, double radius) const {
        const double angle = 2 * 3.14159265358979 * v / plan_.members;
        return {x_ + radius * std::sin(angle), y_ - radius * std::cos(angle)};
    }

    std::string arrow(Phase phase, Member from, Member to) const {
        const auto [ax, ay] = place(from, kRadius);
        const auto [bx, by] = place(to, kRadius);
        const double length = std::max(std::hypot(bx - ax, by - ay), 1.0);
        const double sx = -(by - ay) / length * 2, sy = (bx - ax) / length * 2;  // aside, to the right
        const double px = (bx - ax) / length * 8, py = (by - ay) / length * 8;   // short of the circles
        return fmt::format(
            "<path d=\"M{:.1f} {:.1f} L{:.1f} {:.1f}\" stroke=\"{}\" marker-end=\"url(#end)\"/>\n",
            ax + sx + px, ay + sy + py, bx + sx - px, by + sy - py,
            phase == Phase::reduce ? "#3182bd" : "#e6550d");
    }

    const Plan& plan_;
    const Names& names_;
    const double x_, y_;
};

}  // namespace

std::string explained(const Plan& plan, const Names& names) {
    std::string out;
    const std::vector<Part> parts = largest_parts(plan);
    for (const Part& part : parts) out += line_of(plan, part, names);
    if (parts.size() < plan.parts.size())
        out += fmt::format("  and {} smaller parts\n", plan.parts.size() - parts.size());
    for (const plan::Relay& relay : plan.relays)
        out += fmt::format("  {} and {} talk through {}\n", names[relay.a], names[relay.b], names[relay.via]);
    return out;
}

std::string svg_of(const Plan& plan, const Names& names, const std::string& title) {
    const std::vector<Part> parts = largest_parts(plan);
    const size_t rows = (parts.size() + kColumns - 1) / kColumns;
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0f}\" height=\"{:.0f}\" "
        "font-family=\"sans-serif\" "
        "font-size=\"12\">\n<defs><marker id=\"end\" viewBox=\"0 0 6 6\" refX=\"5\" refY=\"3\" "
        "markerWidth=\"5\" "
        "markerHeight=\"5\" orient=\"auto\"><path d=\"M0 0 L6 3 L0 6 z\"/></marker></defs>\n<rect "
        "width=\"100%\" "
        "height=\"100%\" fill=\"white\"/>\n<text x=\"8\" y=\"18\">{}: {} of {} parts; in blue, out "
        "orange</text>\n",
        kPanel * static_cast<double>(std::min(parts.size(), kColumns)),
        kTop + kPanel * static_cast<double>(rows), escaped(title), parts.size(), plan.parts.size());
    for (size_t i = 0; i < parts.size(); ++i) out += Panel(plan, names, i).draw(parts[i]);
    return out + "</svg>\n";
}

}  // namespace whim::cli
