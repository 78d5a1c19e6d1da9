"""How differences are shown to whoever decides."""

from stead.sources import changes


def test_only_what_differs_is_shown_line_by_line():
    before = {"a.sh": b"one\ntwo\n", "same": b"x", "gone": b"y"}
    after = {"a.sh": b"one\nthree\n", "same": b"x", "new": b"z"}
    found = {one.name: one for one in changes.files(before, after)}
    assert {name: one.change for name, one in found.items()} == {
        "a.sh": "changed",
        "gone": "removed",
        "new": "added",
    }
    assert "-two" in found["a.sh"].lines
    assert "+three" in found["a.sh"].lines


def test_what_cannot_be_read_by_eye_says_so():
    found = changes.files({}, {"data": b"\0" * 10, "odd": b"\xff\xfe", "long": b"\n" * 10_000})
    assert all(one.hidden and not one.lines for one in found)


def test_a_long_difference_says_how_much_is_missing():
    (found,) = changes.files({}, {"long": b"x\n" * 2000})
    assert len(found.lines) == changes.SHOWN_LIMIT
    assert found.hidden == "1002 more lines"


def test_letters_that_would_mislead_the_eye_are_shown_as_codes():
    (found,) = changes.files({}, {"a.sh": "safe \u202e live \x1b[2K".encode()})
    assert found.lines[-1] == "+safe \\u202e live \\u001b[2K"
