"""The exception that means "your input, not our code": the command line exits with 2."""


class InputError(ValueError):
    """What was found, what was expected and what to do, in a sentence a user can act on."""
