"""Data sets: files, folders, arrays and names become splits of whole numbers on a domain."""

from chainrule.data.arrays import as_split
from chainrule.data.load import load_data
from chainrule.data.preprocessing import Preprocessing
from chainrule.data.splits import Data, Split

__all__ = ["Data", "Preprocessing", "Split", "as_split", "load_data"]
