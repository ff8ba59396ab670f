"""What tests of the diagnosis ask of its checks."""


def texts(found, verdict):
    """Returns the texts of the checks that have a verdict."""
    return [check.text for check in found if check.verdict == verdict]
