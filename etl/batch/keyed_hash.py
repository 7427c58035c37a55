"""Keyed 64-bit hashes of many texts at once, as pandas computes them: SipHash-2-4, its bits scattered by SplitMix64.

The rule: states keep these hashes for years, so the tests hold pandas to the published values. A keyed hash tells
nothing without its key, and one call for a page costs a fifth of a call a row.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from pandas.util import hash_array


def derived_key(secret_key: bytes, purpose: str) -> str:
    """A key for `purpose` that does not give `secret_key` away: 16 characters of ASCII, 96 bits of chance."""
    return b64encode(blake2b(purpose.encode(), digest_size=12, key=secret_key).digest()).decode()


def keyed_hashes(texts: Sequence[bytes], key: str) -> NDArray[np.uint64]:
    """The hash of each of `texts` under a key of 16 ASCII characters."""
    return hash_array(np.fromiter(texts, dtype=object, count=len(texts)), hash_key=key, categorize=False)
