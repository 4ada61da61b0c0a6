"""UUIDv7 as RFC 9562 describes it."""

import time
from itertools import pairwise

from storage.ids import Uuid7


def test_an_id_holds_its_time_version_and_randomness():
    made = Uuid7(clock=lambda: 0x017F22E279B0, randomness=lambda size: b"\xff" * size)()
    assert str(made) == "017f22e2-79b0-77ff-bfff-ffffffffffff"
    assert made.version == 7


def test_ids_of_one_millisecond_go_up_and_are_distinct():
    new_id = Uuid7(clock=lambda: 1)
    made = [new_id() for _ in range(10_000)]
    assert all(one < next_one for one, next_one in pairwise(made))


def test_a_clock_that_is_set_back_does_not_take_ids_back():
    times = iter([100, 50, 99, 101])
    new_id = Uuid7(clock=lambda: next(times))
    made = [new_id() for _ in range(4)]
    assert made == sorted(made)
    assert [one.int >> 80 for one in made] == [100, 100, 100, 101]


def test_the_default_clock_is_the_present():
    assert abs((Uuid7()().int >> 80) / 1000 - time.time()) < 60
