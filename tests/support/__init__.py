"""Models, data and helpers that several tests share."""
