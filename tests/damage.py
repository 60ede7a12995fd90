"""Damage to files."""


def flipped(content, bit):
    """Return the bytes with one bit changed."""
    content = bytearray(content)
    content[bit // 8] ^= 1 << bit % 8
    return bytes(content)
