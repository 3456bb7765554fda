"""`chainrule sample`: draw data from a trained model, and write them to a file."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import Namespace

from chainrule.commands.numbers import check_count
from chainrule.commands.outputs import check_output, write_data, write_frame
from chainrule.commands.runs import load_average
from chainrule.domains import Table
from chainrule.formatting import counted
from chainrule.progress import progress_bar


def run(args: Namespace) -> int:
    """Run the command, and return the exit status."""
    out = Path(args.out)
    check_count("-n", args.n)
    model = load_average(args)
    check_output(out, model.domain, (".png", ".npy", ".npz"))
    with progress_bar("sampling", args.n) as shown:
        x = model.sample(args.n, seed=args.seed, temperature=args.temperature, progress=shown)
    if isinstance(model.domain, Table):
        from chainrule.data import round_to_resolution, to_frame  # imports pandas, which images do not need

        write_frame(out, to_frame(round_to_resolution(x, model.domain), model.domain))
    else:
        write_data(out, x, model.domain)
    print(f"{counted(args.n, 'sample')}: {out}")
    return 0
