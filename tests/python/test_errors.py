"""Errors: one form of message, whose parts can be read apart."""

import pickle

from homespot.errors import HomespotError, InputError, TooLargeError, expected, in_section, some


def test_an_error_has_the_parts_of_its_message() -> None:
    error = InputError(expected("a number", "'x'", "Choose one."))
    assert str(error) == "Expected a number, found 'x'. Choose one."
    assert (error.what, error.found, error.remedy) == ("a number", "'x'", "Choose one.")
    other = HomespotError("no parts")
    assert (str(other), other.what, other.found, other.remedy) == ("no parts", "", "", "")
    assert HomespotError().what == ""


def test_the_parts_go_along_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(TooLargeError(expected("1 GiB", "less", "Take less."))))
    assert type(error) is TooLargeError
    assert str(error) == "Expected 1 GiB, found less. Take less."
    assert (error.what, error.found, error.remedy) == ("1 GiB", "less", "Take less.")


def test_the_section_stands_before_the_message() -> None:
    error = in_section("b", in_section("a", InputError(expected("rows", "none", "Add some."))))
    assert str(error) == "Section 'b': Section 'a': Expected rows, found none. Add some."
    assert (error.what, error.found, error.remedy) == ("rows", "none", "Add some.")


def test_some_names_the_first() -> None:
    assert some(["a", 2, "c"]) == "'a', '2', 'c'"
    assert some("abcd", 2) == "'a', 'b', ..."
