"""Which quantised pairs there are."""

STEPS = ("base", "step200", "step250")
TYPES = ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k")
# Written by ONNX Runtime: a scale a tensor, and one a channel.
ONNX = ("onnx_int8", "onnx_int8_channels")
# Written by Google's quantiser for TFLite: a scale a channel.
TFLITE = ("tflite_int8",)
# (type of the base, type of the target), both of the same weights.
CROSSED = (("f16", "q8_0"), ("bf16", "q8_0"), ("f32", "q8_0"), ("f16", "q4_0"), ("f16", "q4_k"))
