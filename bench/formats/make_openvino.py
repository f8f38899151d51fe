"""Write OpenVINO's .xml and .bin, converted from PyTorch: ``python -m bench.formats.make_openvino FOLDER``.

Needs openvino, torch and safetensors. ``f32`` keeps the weights; ``f16`` is what save_model does unasked.
"""

import sys
from pathlib import Path

from bench.formats import weights

try:
    import openvino

    from bench.formats import network
except ImportError as error:
    weights.missing(error)

import numpy as np

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    weights.versions(folder, np.float16)
    for version, arrays in weights.versions(folder):
        model = openvino.convert_model(network.writer(arrays), example_input=network.example())
        for kind in ("f32", "f16"):
            place = folder / f"{version}-{kind}"
            place.mkdir(exist_ok=True)
            openvino.save_model(model, place / "model.xml", compress_to_fp16=kind == "f16")
