"""Where in a network a tensor stands, as far as its name tells: its layer, and its role in that layer."""

import dataclasses
import re
from typing import Final

__all__ = ["ROLES", "Position", "position"]


@dataclasses.dataclass(frozen=True, slots=True)
class Position:
    """A tensor's place.

    Attributes:
        stack: What is before the layer's number ("encoder.layer"); "" outside of layers.
        layer: The layer's number; None outside of layers.
        role: One of ``ROLES``, or what is left of the name.
    """

    stack: str
    layer: int | None
    role: str


# Tried in order: a norm inside the attention is a norm. The names are those of PyTorch, Hugging Face
# Transformers, GPT-2, llama.cpp (GGUF), T5 and Megatron.
_RULES: Final = tuple(
    (role, re.compile(pattern))
    for role, pattern in (
        ("embedding", r"embed|wte|wpe|tok_emb|lm_head|^output\.weight$|shared\.weight"),
        ("norm", r"norm|(^|[._])(ln|bn)[._\d]|(^|[._])ln$|layer_?norm"),
        ("attention qkv", r"qkv|c_attn|query_key_value|in_proj|\bW_?pack\b"),
        ("attention q", r"(^|[._])(wq|q|query|q_proj|attn_q|q_lin|q_[ab]_proj)([._]|$)"),
        ("attention k", r"(^|[._])(wk|k|key|k_proj|attn_k|k_lin)([._]|$)"),
        ("attention v", r"(^|[._])(wv|v|value|v_proj|attn_v|v_lin)([._]|$)"),
        (
            "attention o",
            r"(attn|attention|attend).*(out|o_proj|c_proj|proj|dense)|(^|[._])(wo|o|o_proj|attn_output)([._]|$)",
        ),
        ("router", r"router|gate_inp|mlp\.gate\.|(^|\.)gate\.(weight|bias)$"),
        ("mlp gate", r"gate_proj|ffn_gate|gate_up_proj|(^|[._])w1([._]|$)"),
        (
            "mlp up",
            r"up_proj|ffn_up|intermediate|fc_?1|c_fc|fc_in|h_to_4h|wi(_\d)?\.|(^|[._])w3([._]|$)|lin1",
        ),
        (
            "mlp down",
            r"down_proj|ffn_down|output\.dense|fc_?2|c_proj|fc_out|4h_to_h|wo\.|(^|[._])w2([._]|$)|lin2",
        ),
        ("conv", r"conv"),
    )
)

ROLES: Final = tuple(dict.fromkeys(role for role, _ in _RULES))
"""In the order in which a table or picture shows them; other roles follow."""

_LAYER: Final = re.compile(r"^(?P<stack>.*?)[._](?P<layer>\d{1,6})[._](?P<rest>.+)$")


def position(name: str) -> Position:
    """Read a tensor's name."""
    found = _LAYER.match(name)
    if found is None:
        return Position("", None, _role(name) or name)
    rest = found["rest"]
    return Position(found["stack"], int(found["layer"]), _role(rest) or _general(rest))


def _role(rest: str) -> str | None:
    lowered = rest.lower()
    return next((role for role, pattern in _RULES if pattern.search(lowered)), None)


def _general(rest: str) -> str:
    """A name for all that differ only in numbers, such as the experts of a layer; weight and bias are one."""
    return re.sub(r"\d+", "#", re.sub(r"\.(weight|bias)$", "", rest))
