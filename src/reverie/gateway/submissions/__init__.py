"""The way of a submission, from the bytes of its body to a stored and announced task."""
