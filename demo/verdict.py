"""The proof: what must hold of a demo's events, and the last line."""

from __future__ import annotations

from dataclasses import dataclass, field

from events import Event
from settings import Settings

FREEZE_LIMIT_S = 3.0  # in which the others finish after somebody froze, with the default settings


@dataclass
class Summary:
    rounds: int = 0
    loss: float = float("nan")
    deaths: int = 0
    joins: int = 0
    digest: str = ""
    replicas: int = 0
    evaluations: list[tuple[int, float]] = field(default_factory=list)  # (step, loss)
    contributors: dict[int, list[str]] = field(
        default_factory=dict
    )  # round -> names, as the coordinator recorded
    reduced: dict[int, list[str]] = field(default_factory=dict)  # round -> names whose data the average holds
    digests: dict[int, str] = field(default_factory=dict)
    freezes: dict[str, float] = field(default_factory=dict)  # name -> seconds until the others went on
    problems: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        if self.problems:
            return f"demo: FAIL {self.problems[0]}"
        return (
            f"demo: PASS rounds={self.rounds} loss={self.loss:.4f} deaths={self.deaths} joins={self.joins} "
            f"digest={self.digest} replicas={self.replicas}"
        )


def summarise(events: list[Event], settings: Settings, unfinished: list[str], entropy: float) -> Summary:
    """Everything the report and the last line say, and every promise that does not hold."""
    s = Summary()
    of = {
        what: [e for e in events if e["what"] == what]
        for what in ("kill", "freeze", "begin", "reduce", "commit", "record", "eval", "done")
    }
    deaths = [e for e in of["kill"] if e["who"] != "coordinator"]
    s.deaths = len(deaths)
    founders = set(of["begin"][0]["members"]) if of["begin"] else set()
    s.joins = _joins(of["begin"], founders)
    s.replicas = len(of["done"])
    s.rounds = max((e["round"] for e in of["done"]), default=0)
    s.evaluations = sorted((e["step"], e["loss"]) for e in of["eval"])
    last = [loss for _, loss in s.evaluations[-settings.final_evals :]]
    s.loss = sum(last) / len(last) if last else s.loss
    s.contributors = {e["round"]: e["contributors"] for e in of["record"]}
    for e in of["reduce"]:
        s.reduced.setdefault(e["round"], e["contributors"])
    s.digests = {e["round"]: e["digest"] for e in of["commit"] if e["committed"]}

    s.problems += [f"did not come to its end: {title}" for title in unfinished]
    s.problems += _check_digests(s, of["done"], of["commit"])
    s.problems += _check_deaths(of["reduce"], deaths)
    s.freezes = {e["who"]: _freeze_seconds(e, of["reduce"], s.problems) for e in of["freeze"]}
    s.problems += _check_resent(of["reduce"])
    if missing := sorted(s.digests.keys() - s.contributors.keys()):
        s.problems.append(f"the coordinator gave no record of the rounds {missing}")
    if len(last) < settings.final_evals:
        s.problems.append(f"only {len(last)} evaluations")
    elif not s.loss < 0.9 * entropy:
        s.problems.append(f"the loss {s.loss:.4f} is not well below the unigram entropy {entropy:.4f}")
    return s


def _joins(begins: list[Event], founders: set[str]) -> int:
    """Admissions into the running run: by newcomers, and by those who came back."""
    seen: set[tuple[str, int]] = set()
    for begin in sorted(begins, key=lambda e: e["round"]):
        if begin["round"] > begins[0]["round"]:
            seen |= {(name, begin["round"]) for name in begin["joined"]}
    return len(seen)


def _check_digests(s: Summary, done: list[Event], commits: list[Event]) -> list[str]:
    problems = []
    finals = {e["who"]: e["digest"] for e in done}
    if not finals:
        return ["no replica finished"]
    s.digest = next(iter(finals.values()))
    if len(set(finals.values())) != 1:
        problems.append(f"final digests differ: {finals}")
    for commit in commits:
        if commit["committed"] and commit["mine"] != commit["digest"]:
            problems.append(f"{commit['who']} held another state than the run in round {commit['round']}")
        if commit["committed"] and s.digests[commit["round"]] != commit["digest"]:
            problems.append(f"two digests for round {commit['round']}")
    if s.digests.get(s.rounds) != s.digest:
        problems.append("the final digest is not that of the last committed round")
    return problems


def _check_deaths(reduces: list[Event], kills: list[Event]) -> list[str]:
    """Who died in an all-reduce had not finished it, and one who did saw that it was gone before the end."""
    problems = []
    for kill in kills:
        name, round = kill["who"], kill["round"]
        finished = [e for e in reduces if e["round"] == round]
        if any(e["who"] == name for e in finished):
            problems.append(f"{name} had finished the all-reduce it was to die in")
        elif not finished:
            problems.append(f"nobody finished the all-reduce that {name} died in")
        elif not any(name in e["gone"] for e in finished):
            problems.append(f"the all-reduce of round {round} was over when {name} died")
    return problems


def _freeze_seconds(freeze: Event, reduces: list[Event], problems: list[str]) -> float:
    """From a replica's freeze until all others had finished, without it, the all-reduce that came next."""
    name, round = freeze["who"], freeze["round"]
    without = [e for e in reduces if e["round"] == round and e["who"] != name]
    if not without:
        problems.append(f"nobody finished the all-reduce of round {round}, in which {name} froze")
        return float("nan")
    if not all(name in e["gone"] for e in without):
        problems.append(f"the all-reduce of round {round} did not lack {name}, which froze before it")
    seconds = max(e["t"] for e in without) - freeze["since"]
    if seconds > FREEZE_LIMIT_S:
        problems.append(
            f"the others finished {seconds:.1f} s after {name} froze, not within {FREEZE_LIMIT_S:.0f} s"
        )
    return seconds


def _check_resent(reduces: list[Event]) -> list[str]:
    return [
        f"{e['who']} sent {e['resent']} finished chunks again in round {e['round']}"
        for e in reduces
        if e["resent"]
    ]
