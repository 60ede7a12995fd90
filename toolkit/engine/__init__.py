"""Arrays in, arrays out: compiled loops and matrix products, with explicit random state."""
