"""The parts of COME's training: autoencoder, trainable coupling, losses, training loop, checkpoints."""

from .autoencoder import Autoencoder, pretrain
from .checkpoint import Checkpoint, fingerprint
from .contrast import inter_contrast, type_contrast
from .coupling import Coupling
from .layout import AllSpots, Candidates, most_correlated
from .objective import Tables, Weights
from .similarity import structural_similarity
from .training import Held, Training

__all__ = [
    "AllSpots",
    "Autoencoder",
    "Candidates",
    "Checkpoint",
    "Coupling",
    "Held",
    "Tables",
    "Training",
    "Weights",
    "fingerprint",
    "inter_contrast",
    "most_correlated",
    "pretrain",
    "structural_similarity",
    "type_contrast",
]
