"""chainrule: deep autoregressive density models, p(x) = ∏ p(x_i | x_<i), exactly.

`__init__.pyi` lists the public names. Each is imported when it is first used, so that the command line starts without
torch.
"""

import lazy_loader

from chainrule.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
