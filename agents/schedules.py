"""When a schedule fires: cron expressions of five fields, in a time zone. Pure.

A time of the day that a change of the clocks skips fires right after the change, and one that comes twice
fires once, as in Debian's cron; hours and minutes that begin with `*` go by the clock as it runs.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from agents.errors import Fault, InvalidConfigError

MAX_CRON_CHARACTERS = 100
FIELDS = 5

NAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}

_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class Schedule(msgspec.Struct, frozen=True):
    """A cron expression and where its clock hangs."""

    cron: str
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        """Return when it fires next, in UTC; None for never (within 50 years)."""
        found = next(CronSim(self.cron, moment.astimezone(self.zone)), None)
        return found.astimezone(UTC) if found is not None else None


def parse_schedule(cron: str, time_zone: str, path: str) -> Schedule:
    """Return a schedule that fires once a minute at most. Raises InvalidConfigError."""
    faults: list[Fault] = []
    zone = _zone(time_zone)
    if zone is None:
        faults.append(Fault(f"{path}.time_zone", "No time zone; write for instance UTC or Europe/Lisbon"))
    expression = NAMES.get(cron.strip().lower(), cron)
    fault = _fault(expression)
    if fault is not None:
        faults.append(Fault(f"{path}.cron", fault))
    if zone is None or faults:
        raise InvalidConfigError(tuple(faults))
    return Schedule(expression, zone)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones, `Europe`
        return None


def _fault(cron: str) -> str | None:
    """Tell what is wrong with an expression, if anything."""
    if len(cron) > MAX_CRON_CHARACTERS:
        return f"More than {MAX_CRON_CHARACTERS} characters"
    fields = cron.split()
    if len(fields) == FIELDS + 1:
        return "A sixth field would be for seconds, and a schedule fires once a minute at most"
    if len(fields) != FIELDS:
        return f"Expected {FIELDS} fields: minute, hour, day of the month, month, day of the week"
    try:
        simulated = CronSim(cron, _ANY_TIME)
        is_never = next(simulated, None) is None
    except CronSimError as error:
        return f"{error}: not a cron expression"
    return "This never comes" if is_never else None
