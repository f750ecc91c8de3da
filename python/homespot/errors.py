"""Errors and warnings, and the one form that their messages take."""

from __future__ import annotations

from typing import Any

__all__ = [
    "ConvergenceWarning",
    "DataWarning",
    "DependencyError",
    "DeviceError",
    "HomespotError",
    "InputError",
    "Message",
    "TooLargeError",
    "UnavailableError",
    "expected",
    "in_section",
    "some",
]


class Message(str):
    """A message that keeps its three parts: what was expected, what was found and the remedy.

    ``topic`` is what a caller that knows more may say a better remedy about: ``"genes"``, or
    ``"values of sc"``. It is empty for most messages.
    """

    what: str
    found: str
    remedy: str
    topic: str

    def __new__(cls, text: str, what: str, found: str, remedy: str, topic: str = "") -> Message:
        """Keep the parts beside the text that they make up."""
        message = super().__new__(cls, text)
        message.what, message.found, message.remedy, message.topic = what, found, remedy, topic
        return message

    def __reduce__(self) -> tuple[Any, ...]:
        # An error crosses from one process to another with its parts.
        return Message, (str(self), self.what, self.found, self.remedy, self.topic)


class HomespotError(Exception):
    """Anything that homespot refuses."""

    @property
    def what(self) -> str:
        """What was expected."""
        return self._part("what")

    @property
    def found(self) -> str:
        """What was found instead."""
        return self._part("found")

    @property
    def remedy(self) -> str:
        """What to do."""
        return self._part("remedy")

    def _part(self, name: str) -> str:
        # A message that somebody else wrote has no parts.
        return getattr(self.args[0], name, "") if self.args else ""


class InputError(HomespotError, ValueError):
    """The data, or a parameter, is not valid."""


class DeviceError(HomespotError, RuntimeError):
    """The device asked for is not there."""


class DependencyError(HomespotError, ImportError):
    """A package that is needed is not installed."""


class UnavailableError(HomespotError, AttributeError):
    """A part of homespot needs a package that is not installed."""


class TooLargeError(HomespotError, MemoryError):
    """The result would not fit into the memory there is."""


class DataWarning(UserWarning):
    """Part of the data was dropped or changed; the message says which part, and how much."""


class ConvergenceWarning(UserWarning):
    """A solver stopped before it reached its tolerance; the message gives the number and the remedy."""


def expected(what: str, found: str, remedy: str, *, topic: str = "") -> Message:
    """Say in one line what was expected, what was found and what to do."""
    what, found, remedy = (" ".join(part.split("\n")) for part in (what, found, remedy))
    return Message(f"Expected {what}, found {found}. {remedy}", what, found, remedy, topic)


def in_section(name: str, error: HomespotError) -> InputError:
    """Return the error with the name of the section in which it occurred."""
    topic = getattr(error.args[0], "topic", "")
    return InputError(Message(f"Section {name!r}: {error}", error.what, error.found, error.remedy, topic))


def some(names: object, n: int = 3) -> str:
    """Name the first `n` of a collection: ``'a', 'b', 'c', ...``."""
    listed = [str(name) for name in names]  # type: ignore[attr-defined]
    return ", ".join(repr(name) for name in listed[:n]) + (", ..." if len(listed) > n else "")
