"""Arrays of numbers in a page, as whole numbers of 16 bits between the least and the largest value."""

import base64
from typing import Any

import numpy as np

STEPS = 65_535


def array(values: np.ndarray) -> dict[str, Any]:
    """Packs finite numbers as an object of JSON, which `unpacked` of page.js reads.

    A number is changed by at most (largest - least) / 131,070.

    Returns:
      shape, low, high, and data: 16-bit little-endian numbers in base64; 0 stands for low and 65,535 for high.
    """
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    scaled = np.zeros(values.shape) if high == low else (values.astype(np.float64) - low) / (high - low)
    data = np.rint(scaled * STEPS).astype('<u2').tobytes()
    return {'shape': list(values.shape), 'low': low, 'high': high, 'data': base64.b64encode(data).decode()}


def packed_bytes(count: int) -> int:
    """Returns about how many bytes of a page `count` numbers take."""
    return count * 8 // 3
