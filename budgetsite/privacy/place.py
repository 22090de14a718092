"""Where personal data was seen or changed, as the log of accesses says it."""

import getpass


def command_place(command: str) -> str:
    """Name a command and the login of the operator who ran it."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have a number and no name.
        login = "an operator without a name"
    return f"manage.py {command}, by {login}"
