"""Make flax-{1,2}/model.msgpack with Flax: ``python -m tests.formats.real.make_flax``."""

from pathlib import Path

import flax.serialization
import jax.numpy as jnp
import numpy as np

from tests.formats.real.network import arrays

HERE = Path(__file__).parent

if __name__ == "__main__":
    for version in (1, 2):
        found = arrays(version)
        tree = {
            "step": version,
            "params": {
                # Flax's layers have their inputs in the rows.
                "fc1": {"kernel": jnp.asarray(found["fc1.weight"].T), "bias": jnp.asarray(found["fc1.bias"])},
                "fc2": {
                    "kernel": jnp.asarray(found["fc2.weight"].T).astype(jnp.bfloat16),
                    "bias": found["fc2.bias"].astype(np.float16),
                },
            },
            "opt_state": [{"count": np.int32(version), "mu": jnp.asarray(found["fc1.bias"] / 16)}, {}],
        }
        folder = HERE / f"flax-{version}"
        folder.mkdir(exist_ok=True)
        (folder / "model.msgpack").write_bytes(flax.serialization.to_bytes(tree))
