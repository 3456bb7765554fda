"""The models, one file each."""

from chainrule.models.base import AutoregressiveModel
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN

BY_NAME: dict[str, type[AutoregressiveModel]] = {"independent": Independent, "made": MADE, "pixelcnn": PixelCNN}
"""The models under their names on the command line."""

__all__ = ["BY_NAME", "MADE", "AutoregressiveModel", "Independent", "PixelCNN"]
