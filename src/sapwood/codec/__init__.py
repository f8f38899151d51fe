"""Blocks: the unit of coding. One decodes alone, in bounded memory, from payload and base."""
