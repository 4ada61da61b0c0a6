"""When schedules fire, and what is none."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import InvalidConfigError
from agents.schedules import parse_schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "moment", "then"),
    [
        ("0 9 * * 1", "UTC", "2026-11-29T12:00:00Z", "2026-11-30T09:00:00Z"),
        ("0 9 * * 1", "Europe/Lisbon", "2026-07-04T12:00:00Z", "2026-07-06T08:00:00Z"),
        ("* * * * *", "UTC", "2026-11-29T12:00:30Z", "2026-11-29T12:01:00Z"),
        ("@daily", "Asia/Kolkata", "2026-11-29T12:00:00Z", "2026-11-29T18:30:00Z"),
        # 02:30 does not exist in Berlin on 29 March 2026, and is twice on 25 October.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
    ],
)
def test_a_schedule_fires_by_its_own_clock(cron: str, zone: str, moment: str, then: str):
    assert parse_schedule(cron, zone, "config").next_after(at(moment)) == at(then)


@pytest.mark.parametrize(
    ("cron", "zone", "path", "detail"),
    [
        ("*/10 * * * * *", "UTC", "config.cron", "once a minute at most"),
        ("* * * *", "UTC", "config.cron", "Expected 5 fields"),
        ("61 * * * *", "UTC", "config.cron", "Bad minute"),
        ("0 0 30 2 *", "UTC", "config.cron", "Bad day-of-month"),
        ("0 0 * * " + "1," * 60 + "1", "UTC", "config.cron", "More than 100 characters"),
        ("0 9 * * 1", "Mars/Olympus", "config.time_zone", "No time zone"),
        ("0 9 * * 1", "../etc/passwd", "config.time_zone", "No time zone"),
        ("0 9 * * 1", "Europe", "config.time_zone", "No time zone"),
        ("0 9 * * 1", "", "config.time_zone", "No time zone"),
    ],
)
def test_what_is_no_schedule_is_told(cron: str, zone: str, path: str, detail: str):
    with pytest.raises(InvalidConfigError) as caught:
        parse_schedule(cron, zone, "config")
    assert [fault.path for fault in caught.value.faults] == [path]
    assert detail in caught.value.faults[0].detail


@given(
    st.text(max_size=30) | st.from_regex(r"\A[0-9*/,LW#-]{1,5}( [0-9*/,LW#-]{1,5}){4}\Z"),
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_any_text_is_a_schedule_that_goes_on_or_is_told(cron: str, moment: datetime):
    try:
        schedule = parse_schedule(cron, "Europe/Lisbon", "config")
    except InvalidConfigError:
        return
    then = schedule.next_after(moment)
    assert then is None or then > moment
