"""The exception that means "your input, not our code": the command line exits with 2."""


class InputError(ValueError):
    """What was found, what was expected and what to do, in a sentence a user can act on."""


class Diverged(InputError):
    """A training's loss became infinite or not a number."""


def printable(text: str) -> str:
    """Text from a file as a terminal may show it: what steers a terminal is written out.

    Names in a zip may hold escape sequences, line ends, or bytes that are no text in any encoding.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
