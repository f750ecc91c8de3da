"""The parts of COME's training: autoencoder, trainable coupling, losses, training loop, checkpoints."""

from .autoencoder import Autoencoder, pretrain
from .checkpoint import Checkpoint, fingerprint
from .contrast import inter_contrast, type_contrast
from .coupling import Coupling
from .objective import Tables, Weights
from .similarity import structural_similarity
from .training import Held, Training

__all__ = [
    "Autoencoder",
    "Checkpoint",
    "Coupling",
    "Held",
    "Tables",
    "Training",
    "Weights",
    "fingerprint",
    "inter_contrast",
    "pretrain",
    "structural_similarity",
    "type_contrast",
]
