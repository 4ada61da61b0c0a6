"""P1-P5 as questions to the medians of one run."""

from collections.abc import Callable, Mapping

import msgspec

Medians = Mapping[tuple[str, str, str], float]
"""(Scenario, server, measure) -> median."""

_CPU = "server CPU per edit, µs"
_DOCUMENT_P99 = "to another's document, p99, ms"
_ACKNOWLEDGEMENT_P99 = "to the acknowledgement, p99, ms"


class Criterion(msgspec.Struct, frozen=True):
    """One promise. The figure is compared with the bound; both are of IONFLUX on the Hocuspocus protocol."""

    scenario: str
    text: str
    figure: Callable[[Medians], float]
    bound: Callable[[Medians], float]


class Verdict(msgspec.Struct, frozen=True):
    """What came of a criterion; the words say why where there is no answer."""

    criterion: Criterion
    is_met: bool | None
    words: str


def judge(medians: Medians) -> list[Verdict]:
    """Answer every criterion; is_met is None where one of its figures was not measured."""
    verdicts: list[Verdict] = []
    for criterion in CRITERIA:
        try:
            figure, bound = criterion.figure(medians), criterion.bound(medians)
        except KeyError as missing:
            scenario, server, _ = missing.args[0]
            verdicts.append(Verdict(criterion, None, f"{server} has no {scenario}"))
        else:
            verdicts.append(Verdict(criterion, figure <= bound, f"{figure:.3g}, at most {bound:.3g}"))
    return verdicts


def _own(scenario: str, measure: str) -> Callable[[Medians], float]:
    return lambda medians: medians[scenario, "IONFLUX", measure]


def _ratio(scenario: str, measure: str) -> Callable[[Medians], float]:
    return lambda medians: medians[scenario, "IONFLUX", measure] / medians[scenario, "Hocuspocus", measure]


def _at_most(bound: float) -> Callable[[Medians], float]:
    return lambda _: bound


CRITERIA = (
    Criterion("P1", "CPU per edit against Hocuspocus", _ratio("P1", _CPU), _at_most(0.25)),
    Criterion("P1", "p99 to another's document, ms", _own("P1", _DOCUMENT_P99), _at_most(10)),
    Criterion("P1", "p99 to the acknowledgement, ms", _own("P1", _ACKNOWLEDGEMENT_P99), _at_most(30)),
    Criterion("P2", "CPU per edit against Hocuspocus", _ratio("P2", _CPU), _at_most(0.8)),
    Criterion("P2", "p99 to another's document against Hocuspocus", _ratio("P2", _DOCUMENT_P99), _at_most(1)),
    Criterion("P3", "joining alone against Hocuspocus", _ratio("P3", "alone, ms"), _at_most(0.25)),
    Criterion(
        "P3",
        "joining with 19 others against Hocuspocus",
        _ratio("P3", "the last of 20 at once, ms"),
        _at_most(0.25),
    ),
    Criterion("P4", "memory against Hocuspocus", _ratio("P4", "server memory, MB"), _at_most(1)),
    Criterion("P5", "p99 to another's document, ms", _own("P5", _DOCUMENT_P99), _at_most(100)),
    Criterion("P5", "memory at most, MB", _own("P5", "server memory at most, MB"), _at_most(512)),
)
