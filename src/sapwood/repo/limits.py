"""How much trees, commits and tags may ask of a reader. Each limit is far above what repositories need."""

from typing import Final

# Bytes of one path, of one of its parts, and levels: what Linux takes.
MAX_PATH_BYTES: Final = 4095
MAX_PART_BYTES: Final = 255
MAX_PATH_DEPTH: Final = 64
# A folder of 65,536 files is the most that a model may be.
MAX_TREE_ENTRIES: Final = 1 << 16
# A soup has a parent for each model in it.
MAX_PARENTS: Final = 1024
MAX_MESSAGE_BYTES: Final = 1 << 20
MAX_NAME_BYTES: Final = 1024
# Metrics and free fields of one commit, and bytes of one field's value: a trainer keeps its settings there.
MAX_NOTES: Final = 4096
MAX_VALUE_BYTES: Final = 1 << 20
# Tags of tags.
MAX_TAG_DEPTH: Final = 16
# Steps of one revision, such as HEAD~1~1~1.
MAX_REVISION_STEPS: Final = 256
# Bytes of an encoded tree, commit or tag that are read at all.
MAX_OBJECT_BYTES: Final = 1 << 28
