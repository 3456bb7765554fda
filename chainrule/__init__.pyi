# The public names, for `import chainrule as cr`, `dir(cr)` and type checkers alike.

from .checkpoint import load as load
from .checkpoint import save as save
from .checks import check_leak as check_leak
from .checks import check_model as check_model
from .data import Data as Data
from .data import Split as Split
from .data import load_data as load_data
from .distributions import Conditionals as Conditionals
from .distributions import Distributions as Distributions
from .domains import (
    Binary as Binary,
)
from .domains import (
    Column as Column,
)
from .domains import (
    Domain as Domain,
)
from .domains import (
    Levels as Levels,
)
from .domains import (
    Order as Order,
)
from .domains import (
    Table as Table,
)
from .errors import ChainruleError as ChainruleError
from .errors import TrainingStopped as TrainingStopped
from .inference import (
    CollapseWarning as CollapseWarning,
)
from .inference import (
    Evaluation as Evaluation,
)
from .inference import (
    Imputation as Imputation,
)
from .inference import (
    complete as complete,
)
from .inference import (
    evaluate as evaluate,
)
from .inference import (
    impute as impute,
)
from .inference import (
    sample as sample,
)
from .models import (
    MADE as MADE,
)
from .models import (
    AutoregressiveModel as AutoregressiveModel,
)
from .models import (
    Density as Density,
)
from .models import (
    Ensemble as Ensemble,
)
from .models import (
    Independent as Independent,
)
from .models import (
    PixelCNN as PixelCNN,
)
from .models import (
    PixelRNN as PixelRNN,
)
from .sampling import Sampler as Sampler
from .training import History as History
from .training import Settings as Settings
from .training import fit as fit
from .version import __version__ as __version__
