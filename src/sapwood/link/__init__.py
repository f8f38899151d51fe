"""Streams, files and patches over a serial line, or any pipe of bytes that may lose or garble some."""
