"""chainrule sample RUN -n N --out F"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from chainrule.commands.common import add_draw, add_members, add_run, check_count, check_out, load_density, write_data
from chainrule.domains import Table
from chainrule.formatting import counted
from chainrule.inference.sample import sample
from chainrule.progress import bar


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    add_run(parser)
    add_members(parser)
    parser.add_argument("-n", type=int, default=64, help="how many")
    parser.add_argument(
        "--out", type=str, required=True,
        help="a new file: .png for a picture, enlarged if small; .npy or .npz for the values; a table .csv or .parquet",
    )  # fmt: skip
    add_draw(parser)


def run(args: Namespace) -> int:
    out = Path(args.out)
    check_count("-n", args.n)
    model = load_density(args)
    check_out(out, model.domain, (".png", ".npy", ".npz"))
    with bar("sampling", args.n) as shown:
        x = sample(model, args.n, seed=args.seed, temperature=args.temperature, progress=shown)
    if isinstance(model.domain, Table):
        from chainrule.commands.tables import write_frame  # imports pandas, which images do not need
        from chainrule.data.rows import to_frame, with_decimals

        write_frame(out, to_frame(with_decimals(x, model.domain), model.domain))
    else:
        write_data(out, x, model.domain)
    print(f"{counted(args.n, 'sample')}: {out}")
    return 0
