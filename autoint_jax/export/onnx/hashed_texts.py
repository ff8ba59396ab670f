"""Which texts of hashed fields programs of raw values can hash. It needs no package onnx."""

LONGEST = 64  # characters


def can_be_hashed(text: str) -> bool:
    """Returns whether a text is of ASCII and not too long; a row with another one has no score."""
    return len(text) <= LONGEST and text.isascii() and '\0' not in text
