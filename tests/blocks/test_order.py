import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.order import FIRST, key_between


@given(st.lists(st.integers(min_value=0), max_size=60))
def test_keys_stay_in_order_wherever_one_inserts(places: list[int]):
    keys: list[str] = []
    for place in places:
        at = place % (len(keys) + 1)
        before = keys[at - 1] if at else None
        after = keys[at] if at < len(keys) else None
        keys.insert(at, key_between(before, after))
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("at_end", [True, False])
def test_adding_at_one_end_keeps_keys_short(at_end: bool):
    keys = [FIRST]
    for _ in range(3000):
        keys.append(key_between(keys[-1], None) if at_end else key_between(None, keys[-1]))
    assert keys == sorted(set(keys), reverse=not at_end)
    assert max(map(len, keys)) <= 4


def test_inserting_always_at_one_place_grows_slowly():
    low, high = FIRST, key_between(FIRST, None)
    for _ in range(200):
        high = key_between(low, high)
    assert low < high
    assert len(high) < 50


@pytest.mark.parametrize("key", ["", "0", "n", "A0", "n0-", "n00", "o1", "nß"])
def test_what_is_no_key_is_refused(key: str):
    with pytest.raises(ValueError, match="not an order key"):
        key_between(key, None)


def test_equal_keys_have_nothing_between():
    with pytest.raises(ValueError, match="no key is between"):
        key_between("n1", "n1")
