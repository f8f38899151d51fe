"""Write .gguf with gguf's own writer: ``python -m bench.formats.make_gguf FOLDER``."""

import sys
from pathlib import Path

from bench.formats import weights

try:
    import gguf
except ImportError as error:
    weights.missing(error)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        writer = gguf.GGUFWriter(folder / f"{version}.gguf", "writer")
        for name, array in arrays.items():
            writer.add_tensor(name, array)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
