"""An authentication request, read and judged: whoever asks, for what, and how surely."""
