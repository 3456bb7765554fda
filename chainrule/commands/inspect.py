"""chainrule inspect RUN"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from chainrule.commands.runs import load_autoregressive, load_split, warn_of_seen_data
from chainrule.domains import Domain, channel_name
from chainrule.errors import ChainruleError
from chainrule.files import new_directory, refuse_existing
from chainrule.models import AutoregressiveModel
from chainrule.progress import progress_bar
from chainrule.reports.inspect import Example, Facts, Tour, check_count, facts_of, fields_of, tour_of, write_page
from chainrule.reports.inspect.page import WEIGHT_COLUMNS, summary_rows, weight_rows

PAGE = "index.html"
STAGES = 4


def run(args: Namespace) -> int:
    out = new_folder(args)
    model = load_autoregressive(args)
    sites = None if args.sites is None else sites_named(args.sites, model.domain)
    if sites is not None:
        check_count(model, sites)  # before anything is drawn
    with progress_bar("inspecting", STAGES, show=not args.json) as shown:
        shown.note("example")
        example = example_of(args, model)
        shown()
        shown.note("receptive fields")
        fields = fields_of(model, args.seed)
        facts = facts_of(model, fields)
        shown()
        shown.note("pictures")
        tour = tour_of(model, fields, example, sites)
        shown()
        write(out, facts, tour)
        shown()
    tell = tell_json if args.json else tell_tables
    tell(out, facts, tour)
    return 0


def new_folder(args: Namespace) -> Path:
    """Where the page goes.

    Raises:
        ChainruleError: something is there already.
    """
    if args.out is not None:
        refuse_existing(Path(args.out))
        return Path(args.out)
    out = Path(args.run) / "inspect"
    if out.exists():
        raise ChainruleError(f"{out} exists and would be overwritten; give another folder as --out, or remove it first")
    return out


def sites_named(words: Sequence[str], domain: Domain) -> list[int]:
    """The sites that the words name; a pixel without a channel names all of its channels.

    Raises:
        ChainruleError: a word that names none.

    Example:
        >>> from chainrule.domains import Binary
        >>> sites_named(["0,1", "1,0,B"], Binary((3, 2, 2)))
        [1, 5, 9, 10]
    """
    return list(dict.fromkeys(site for word in words for site in sites_of(word, domain)))


def sites_of(word: str, domain: Domain) -> list[int]:
    """The sites that one word names.

    Raises:
        ChainruleError: it names none.
    """
    sizes = (*domain.shape[1:], domain.shape[0]) if domain.is_image else (domain.sites,)
    channels = domain.shape[0] if domain.is_image else 0
    letters = {channel_name(each, channels).upper(): str(each) for each in range(channels)}
    parts = [letters.get(part.strip().upper(), part.strip()) for part in word.split(",")]
    counts = (2, 3) if domain.is_image else (1,)
    inside = len(parts) in counts and all(
        part.isdecimal() and int(part) < size for part, size in zip(parts, sizes, strict=False)
    )
    if not inside:
        raise ChainruleError(f"--sites {word} names no site of this model; give {site_form(domain)}")
    if not domain.is_image:
        return [int(parts[0])]
    row, column, *channel = map(int, parts)
    _, height, width = domain.shape
    return [each * height * width + row * width + column for each in channel or range(channels)]


def site_form(domain: Domain) -> str:
    """How the sites of a domain are named, for a message."""
    if not domain.is_image:
        return f"a number from 0 to {domain.sites - 1}"
    channels, height, width = domain.shape
    form, names = "row,column or row,column,channel", "R, G or B" if channels == 3 else f"0 to {channels - 1}"
    where = f"rows 0 to {height - 1}, columns 0 to {width - 1}"
    return f"row,column: {where}" if channels == 1 else f"{form}: {where}, channels {names}"


def example_of(args: Namespace, model: AutoregressiveModel) -> Example:
    """The datum asked for, or a sample.

    Raises:
        ChainruleError: there is no such datum.
    """
    if args.data is None:
        x = model.sample(1, seed=args.seed)[0]
        return Example(x, f"a sample that it drew itself (seed {args.seed})")
    split = load_split(args, model)
    values = split.values()
    if not 0 <= args.index < len(values):
        raise ChainruleError(f"--index {args.index} is not in the {args.split} split; give 0 to {len(values) - 1}")
    warn_of_seen_data(args, split, torch.tensor([args.index]))
    return Example(values[args.index], f"datum {args.index} of the {args.split} split of {args.data}")


def write(out: Path, facts: Facts, tour: Tour) -> None:
    """The page and the pictures, in a new folder."""
    with new_directory(out) as folder:
        for picture in tour.pictures:
            (folder / picture.file).write_bytes(picture.png)
        write_page(facts, tour, folder / PAGE)


def tell_json(out: Path, facts: Facts, tour: Tour) -> None:
    pictures = [str(out / picture.file) for picture in tour.pictures]
    about = {"page": str(out / PAGE), "pictures": pictures, "left_out": tour.left_out}
    print(json.dumps({**asdict(facts), **about}))


def tell_tables(out: Path, facts: Facts, tour: Tour) -> None:
    console = Console(highlight=False, markup=False)
    summary = Table(show_header=False)
    for name, value in summary_rows(facts):
        summary.add_row(name, value)
    console.print(summary)
    weights = Table(*WEIGHT_COLUMNS[:2])
    for column in WEIGHT_COLUMNS[2:]:
        weights.add_column(column, justify="right")
    for row in weight_rows(facts):
        weights.add_row(*row)
    console.print(weights)
    for reason in tour.left_out:
        console.print(f"left out: {reason}", soft_wrap=True)
    for section in tour.sections:
        names = ", ".join(picture.file for picture in section.pictures)
        console.print(f"{section.heading}: {names}", soft_wrap=True)
    console.print(f"All of it: {out / PAGE}", soft_wrap=True)
