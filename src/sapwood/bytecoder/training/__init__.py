"""Trains a model of bytes on a user's files: chooses a text, then trains the mixer's weights."""

from sapwood.bytecoder.training.run import Trained, train

__all__ = ["Trained", "train"]
