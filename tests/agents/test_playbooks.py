"""Playbooks as data: what is wrong with one, and what comes next in a run, whoever is killed when."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import InvalidConfigError
from agents.playbooks.checking import MOST_LEVELS, read_script
from agents.playbooks.interpreter import Advance, Entry, advance
from agents.playbooks.steps import Doing, Script, flatten

Json = dict[str, Any]

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
AGENT = "0198c5b7-5c2f-7000-8000-000000000002"
TRUE: Json = {"value": 1, "equals": 1}
FALSE: Json = {"value": 1, "equals": 2}


def llm(id: str, **more: Any) -> Json:
    return {"id": id, "type": "llm", "prompt": "Go", **more}


def set_(id: str, **values: Any) -> Json:
    return {"id": id, "type": "set", "values": values}


# --- what is wrong


@pytest.mark.parametrize(
    ("steps", "path", "detail"),
    [
        ([{"do": "wait"}], "steps[0]", "missing required field `type`"),
        ([llm("a"), {"id": "b", "type": "dance"}], "steps[1].type", "Invalid value 'dance'"),
        ([llm("a"), {"id": "b", "type": "llm"}], "steps[1]", "missing required field `prompt`"),
        ([llm("A")], "steps[0].id", "matching regex"),
        ([llm("a", retry={"times": 0})], "steps[0].retry.times", ">= 1"),
        ([llm("a"), llm("a")], "steps", "Two steps have the id a"),
        ([llm("a", prompt="${inputs.nothing}")], "steps[0].prompt", "no input nothing"),
        ([llm("a", prompt="${steps.b.output}"), llm("b")], "steps[0].prompt", "has not run by then"),
        ([llm("a", prompt="${steps.c.output}")], "steps[0].prompt", "There is no step c"),
        ([llm("a"), llm("b", prompt="${steps.a.text}")], "steps[1].prompt", "output, status and error"),
        ([llm("a", prompt="${x}")], "steps[0].prompt", "Expected inputs, steps or run"),
        ([llm("a", when=FALSE), llm("b", prompt="${steps.a.output}")], "steps[1].prompt", "may not have run"),
        ([llm("a", when={"value": 1})], "steps[0].when", "Expected `value`"),
        ([{"id": "w", "type": "wait"}], "steps[0]", "Expected one of seconds, until, events"),
        ([{"id": "w", "type": "wait", "until": "tomorrow"}], "steps[0].until", "No time"),
        ([{"id": "w", "type": "wait", "seconds": 1, "where": TRUE}], "steps[0]", "are for waiting"),
        (
            [
                {
                    "id": "p",
                    "type": "parallel",
                    "branches": [[llm("a")], [llm("b", prompt="${steps.a.output}")]],
                }
            ],
            "steps[0].branches[1][0].prompt",
            "has not run by then",
        ),
        (
            [
                {"id": "c", "type": "condition", "if": TRUE, "then": [llm("a")]},
                llm("b", prompt="${steps.a.output}"),
            ],
            "steps[1].prompt",
            "may not have run",
        ),
        (
            [llm("a", on_error=[llm("b", prompt="${steps.a.output}")])],
            "steps[0].on_error[0].prompt",
            "may not have run",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(steps: list[Json], path: str, detail: str):
    with pytest.raises(InvalidConfigError) as caught:
        read_script(steps)
    fault = caught.value.faults[0]
    assert (fault.path, detail in fault.detail) == (path, True), fault


def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(InvalidConfigError) as caught:
        read_script(
            [llm("a", prompt="${x}"), {"id": "w", "type": "wait"}], outputs={"o": "${steps.q.output}"}
        )
    assert [fault.path for fault in caught.value.faults] == ["steps[0].prompt", "steps[1]", "outputs.o"]
    with pytest.raises(InvalidConfigError) as caught:
        read_script([{}, llm("a"), {"type": "llm", "id": 1}])
    assert [fault.path for fault in caught.value.faults] == ["steps[0]", "steps[2].id"]


def test_steps_are_not_nested_without_end():
    steps = [llm("a")]
    for level in range(MOST_LEVELS):
        steps = [{"id": f"c{level}", "type": "condition", "if": TRUE, "then": steps}]
    with pytest.raises(InvalidConfigError, match="at most"):
        read_script(steps)


# --- what comes next


class Run:
    """A run of a playbook, as whoever does its steps sees it."""

    def __init__(self, steps: list[Json], inputs: Json | None = None, outputs: Json | None = None) -> None:
        keys = [{"key": key, "type": "json"} for key in inputs or {}]
        self.script: Script = read_script(steps, keys, outputs)
        self.inputs = inputs or {}
        self.journal: dict[str, Entry] = {}
        self.now = NOW
        self.begun: list[tuple[str, int]] = []
        self.given: dict[str, Json] = {}

    def go(self) -> Advance:
        found = advance(self.script, self.inputs, {"id": "r"}, self.journal, self.now)
        self.journal |= found.settled
        for one in found.begin:
            self.begun.append((one.step.id, one.attempt))
            self.given[one.step.id] = one.given
        return found

    def done(self, id: str, output: Any = None) -> Advance:
        self.journal[id] = Entry(status="done", output=output, ended_at=self.now)
        return self.go()

    def failed(self, id: str, code: str = "broken") -> Advance:
        attempt = self.journal[id].attempt
        self.journal[id] = Entry(
            status="failed", attempt=attempt, code=code, message="It broke", ended_at=self.now
        )
        return self.go()


def test_steps_come_one_after_another_with_what_the_ones_before_gave():
    run = Run(
        [
            set_("s", title="${inputs.title}!"),
            llm("a", prompt="About ${steps.s.output.title}"),
            llm("b", prompt="${steps.a.output}"),
        ],
        {"title": "Boots"},
        {"all": ["${steps.a.output.text}", "${steps.b.output?}"]},
    )
    assert run.go().end is None
    assert (run.begun, run.given["a"]["prompt"]) == ([("a", 1)], "About Boots!")
    run.done("a", {"text": "T"})
    assert run.given["b"]["prompt"] == '{"text":"T"}'
    end = run.done("b", 7).end
    assert end is not None
    assert (end.status, end.outputs) == ("success", {"all": ["T", 7]})


def test_a_step_is_tried_again_after_longer_and_longer_and_then_the_run_ends():
    run = Run([llm("a", retry={"times": 2, "pause_seconds": 10}), llm("b")])
    run.go()
    for pause in (10, 20):
        found = run.failed("a")
        assert found.wake_at == run.now + timedelta(seconds=pause)
        run.now += timedelta(seconds=pause)
        run.go()
    end = run.failed("a").end
    assert run.begun == [("a", 1), ("a", 2), ("a", 3)]
    assert end is not None
    assert (end.status, end.step_id, end.code, end.message) == ("error", "a", "broken", "It broke")


def test_what_another_attempt_would_meet_too_is_not_tried_again():
    run = Run([llm("a", retry={"times": 5})])
    run.go()
    assert run.failed("a", "rejected").end is not None


def test_an_error_can_be_passed_over_or_answered():
    run = Run(
        [
            llm("a", on_error="continue"),
            llm(
                "b",
                on_error=[
                    llm("c", prompt="${steps.b.error.message?}"),
                    set_("d", x="${steps.b.error.code?}"),
                ],
            ),
        ],
        outputs={"a": "${steps.a.status?}", "d": "${steps.d.output.x?}"},
    )
    run.go()
    run.failed("a")
    run.failed("b")
    assert run.given["c"]["prompt"] == "It broke"
    end = run.done("c").end
    assert end is not None
    assert (end.status, end.outputs) == ("success", {"a": "failed", "d": "broken"})


def test_a_step_that_takes_too_long_has_failed():
    run = Run([llm("a", timeout_seconds=60)])
    assert run.go().wake_at == NOW + timedelta(seconds=60)
    run.now += timedelta(seconds=60)
    end = run.go().end
    assert end is not None
    assert (end.code, run.journal["a"].status) == ("timed_out", "failed")


@pytest.mark.parametrize(
    ("wait", "due"),
    [
        ({"seconds": 90}, timedelta(seconds=90)),
        ({"until": "2026-11-30T10:00:00Z"}, timedelta(hours=1)),
        ({"until": "${inputs.at}"}, timedelta(hours=2)),
    ],
)
def test_waiting_for_a_time(wait: Json, due: timedelta):
    run = Run([{"id": "w", "type": "wait", **wait}], {"at": "2026-11-30T12:00:00+01:00"})
    assert run.go().wake_at == NOW + due
    run.now += due
    end = run.go().end
    assert end is not None
    assert end.status == "success"


def test_waiting_for_what_is_no_time_fails():
    run = Run([{"id": "w", "type": "wait", "until": "${inputs.at}"}], {"at": 5})
    end = run.go().end
    assert end is not None
    assert end.code == "invalid_time"


@pytest.mark.parametrize(("test", "begun"), [(TRUE, "a"), (FALSE, "b")])
def test_a_condition_goes_one_way_and_stays_there(test: Json, begun: str):
    step = {"id": "c", "type": "condition", "if": test, "then": [llm("a")], "else": [llm("b")]}
    run = Run([step, llm("z")])
    run.go()
    assert run.begun == [(begun, 1)]
    run.done(begun)
    assert run.begun == [(begun, 1), ("z", 1)]


def test_a_branch_takes_the_first_way_that_fits_else_the_default():
    def of(value: int) -> list[tuple[str, int]]:
        cases = [
            {"when": {"value": "${inputs.n}", "above": 10}, "steps": [llm("a")]},
            {"when": {"value": "${inputs.n}", "above": 5}, "steps": [llm("b")]},
        ]
        run = Run([{"id": "c", "type": "branch", "cases": cases, "default": [llm("d")]}], {"n": value})
        run.go()
        return run.begun

    assert (of(20), of(7), of(1)) == ([("a", 1)], [("b", 1)], [("d", 1)])


def test_parallel_steps_are_begun_together_and_waited_for():
    branches = [[llm("a"), llm("b")], [llm("c")]]
    run = Run([{"id": "p", "type": "parallel", "branches": branches}, llm("z", prompt="${steps.b.output}")])
    run.go()
    assert run.begun == [("a", 1), ("c", 1)]
    assert run.failed("c").end is None, "the others go on until they are over"
    run.done("a")
    end = run.done("b").end
    assert end is not None
    assert (end.step_id, end.message) == ("p", "c: It broke")


def test_a_reference_to_nothing_is_a_fault_of_the_step():
    run = Run([set_("s", x={}), llm("a", prompt="${steps.s.output.x.y}", retry={"times": 3})])
    end = run.go().end
    assert end is not None
    assert (end.step_id, end.code) == ("a", "missing_reference")


# --- whatever happens in whatever order

ids = st.integers(0, 10**6)


def _step(draw: Callable[..., Any], name: str, level: int) -> Json:
    kinds = ["llm", "set", "wait"] + (["condition", "branch", "parallel"] if level else [])
    kind = draw(st.sampled_from(kinds))
    step: Json = {"id": name, "type": kind}
    if draw(st.booleans()):
        step["when"] = draw(st.sampled_from([TRUE, FALSE]))
    step["on_error"] = draw(st.sampled_from(["stop", "continue"]))
    if level and draw(st.integers(0, 4)) == 0:
        step["on_error"] = _list(draw, name + "e", level - 1)
    match kind:
        case "llm":
            step["prompt"] = "Go"
            if draw(st.booleans()):
                step["retry"] = {"times": draw(st.integers(1, 2))}
        case "set":
            step["values"] = {"x": draw(st.sampled_from([1, "${run.id}"]))}
        case "wait":
            step["seconds"] = draw(st.integers(1, 100))
        case "condition":
            step |= {"if": draw(st.sampled_from([TRUE, FALSE])), "then": _list(draw, name + "t", level - 1)}
        case "branch":
            step["cases"] = [{"when": FALSE, "steps": _list(draw, name + "x", level - 1)}]
            step["default"] = _list(draw, name + "y", level - 1)
        case _:
            step["branches"] = [_list(draw, f"{name}p{n}", level - 1) for n in range(2)]
    return step


def _list(draw: Callable[..., Any], name: str, level: int) -> list[Json]:
    return [_step(draw, f"{name}_{n}", level) for n in range(draw(st.integers(0, 3)))]


@st.composite
def scripts(draw: Callable[..., Any]) -> list[Json]:
    return _list(draw, "s", 2)


@given(scripts(), st.randoms(use_true_random=False))
def test_every_run_ends_having_begun_each_step_as_often_as_it_may(steps: list[Json], chance: Any):
    run = Run(steps)
    found = run.go()
    for _ in range(1000):
        assert run.go() == Advance(begin=[], settled={}, end=found.end, wake_at=found.wake_at), (
            "nothing more comes of asking again"
        )
        if found.end is not None:
            break
        open_ = [one for one, _ in run.begun if run.journal[one].status == "running"]
        if open_ and chance.random() < 0.7:
            chosen = chance.choice(open_)
            found = run.failed(chosen) if chance.random() < 0.3 else run.done(chosen, {"text": "x"})
        elif found.wake_at is not None:
            run.now = found.wake_at
            found = run.go()
        else:
            assert open_, "a run that is not over waits for something"
    assert found.end is not None
    attempts = {step.id: step.retry for step in flatten(run.script.steps) if isinstance(step, Doing)}
    assert len(run.begun) == len(set(run.begun))
    for id, attempt in run.begun:
        retry = attempts[id]
        assert attempt <= 1 + (retry.times if retry else 0)
