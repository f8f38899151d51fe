"""Blocks: the unit of coding. A block decodes alone, in bounded memory, from its payload and spans of the base."""
