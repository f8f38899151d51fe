"""How much a model file may ask of the reader. Each limit is far above what real models need.

A file that exceeds one is malformed to its reader, so it is still carried, as opaque bytes.
"""

from typing import Final

# safetensors caps its own header at 100 MB (safetensors, tensor.rs, MAX_HEADER_SIZE).
MAX_HEADER_BYTES: Final = 100_000_000
# DeepSeek-V3, whose experts are stored one by one, has 9 * 10^4 tensors in 163 files.
MAX_TENSORS: Final = 1 << 19
# Characters of one tensor's name, and of all names of a file together: a shared string must not multiply.
MAX_NAME_CHARS: Final = 1 << 13
MAX_NAMES_CHARS: Final = 1 << 26
# numpy allows 64 dimensions (NPY_MAXDIMS since 2.0); no format here documents more.
MAX_DIMENSIONS: Final = 64
# Bits of one length or element count: no file is larger than a signed 64-bit offset can say.
MAX_LENGTH_BITS: Final = 63
# Graphs in attributes of nodes, arrays in arrays.
MAX_NESTING_DEPTH: Final = 64
# Containers in containers of a pickled object; a module takes three levels.
MAX_PICKLE_DEPTH: Final = 256
# Items of GGUF metadata read one by one: a tokenizer has some 10^5 strings.
MAX_METADATA_ITEMS: Final = 1 << 22
# Fields of an ONNX file walked one by one; a node has some 30, and 2^21 fields take a few seconds.
MAX_PROTOBUF_FIELDS: Final = 1 << 21
# Objects of one msgpack file; a checkpoint has some ten for each array.
MAX_MSGPACK_ITEMS: Final = 1 << 21
# Messages, links, tree entries and chunks of one HDF5 file; a data set has some ten messages.
MAX_HDF5_ITEMS: Final = 1 << 20
# Pickle opcodes of one archive; a TorchScript model with a large vocabulary has 4 * 10^5.
MAX_PICKLE_OPCODES: Final = 1 << 22
# Members of a zip archive.
MAX_ZIP_ENTRIES: Final = 1 << 20
# Bytes of the text header of one .npy array. numpy itself writes at most 64 KiB without structured types.
MAX_NPY_HEADER_BYTES: Final = 1 << 20
# Bytes of one XML file, of one tag with the text behind it, and elements of the file: an OpenVINO graph takes
# some 20 elements a layer. expat keeps some 100 bytes for each name that is new to it.
MAX_XML_BYTES: Final = 1 << 26
MAX_XML_TAG_BYTES: Final = 1 << 18
MAX_XML_ELEMENTS: Final = 1 << 21
# Elements in elements; a loop's body takes five more.
MAX_XML_DEPTH: Final = 256
# Files of one model folder, and folders inside folders.
MAX_FOLDER_FILES: Final = 1 << 16
MAX_FOLDER_DEPTH: Final = 64
