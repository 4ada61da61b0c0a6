"""How often somebody may try to sign in: per account and per address."""

from server.rate_limits import Quota, RateLimits, network_of

MAILS_PER_HOUR = 5
"""That somebody can have sent to one account."""


class LoginLimits:
    """Counts attempts. A success clears the account's count, never the address's."""

    def __init__(
        self, limits: RateLimits, *, per_account: int, per_address: int, window_minutes: int
    ) -> None:
        self._limits = limits
        self._account = Quota("login-account", per_account, window_minutes * 60, "account")
        self._mail = Quota("login-mail", MAILS_PER_HOUR, 3600, "account")
        self._address = Quota("login-address", per_address, window_minutes * 60, "address")

    def count_address(self, address: str) -> dict[str, str]:
        """Count an attempt of an address and return the headers that tell what is left.

        Raises RateLimitedError.
        """
        return self._limits.count(self._address, network_of(address))

    def count_account(self, email: str) -> dict[str, str]:
        """Count an attempt on an account, whether it exists or not; headers and errors as above."""
        return self._limits.count(self._account, email)

    def count_mail(self, account: str) -> dict[str, str]:
        """Count a mail that an account gets on demand, whether it exists or not; as above."""
        return self._limits.count(self._mail, account)

    def forgive_account(self, email: str) -> None:
        """Forget an account's attempts: its owner has signed in."""
        self._limits.forget(self._account, email)
