# The public names, for `import chainrule as cr`, `dir(cr)` and type checkers alike.

from .checkpoint import load as load, save as save
from .checks import check_leak as check_leak, check_model as check_model
from .data import Data as Data, Split as Split, load_data as load_data
from .distributions import Conditionals as Conditionals, Distributions as Distributions
from .domains import (
    Binary as Binary,
    Column as Column,
    Domain as Domain,
    Levels as Levels,
    Order as Order,
    Table as Table,
)
from .errors import ChainruleError as ChainruleError, TrainingStopped as TrainingStopped
from .inference import (
    CollapseWarning as CollapseWarning,
    Evaluation as Evaluation,
    Imputation as Imputation,
    complete as complete,
    evaluate as evaluate,
    impute as impute,
    sample as sample,
)
from .models import (
    MADE as MADE,
    AutoregressiveModel as AutoregressiveModel,
    Density as Density,
    Ensemble as Ensemble,
    Independent as Independent,
    PixelCNN as PixelCNN,
    PixelRNN as PixelRNN,
)
from .sampling import Sampler as Sampler
from .training import History as History, Settings as Settings, fit as fit
from .version import __version__ as __version__
