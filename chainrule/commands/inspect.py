"""`chainrule inspect`: show the weights, masks, receptive fields and conditionals of a model."""

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
from chainrule.reports.inspect import (
    WEIGHT_COLUMNS,
    Example,
    ModelPictures,
    ModelSummary,
    check_site_count,
    draw_pictures,
    find_receptive_fields,
    summarise_model,
    summary_rows,
    weight_rows,
    write_page,
)

PAGE = "index.html"
STAGES = 4
"""The number of steps of the progress bar."""


def run(args: Namespace) -> int:
    """Run the command, and return the exit status."""
    out = new_folder(args)
    model = load_autoregressive(args)
    sites = None if args.sites is None else parse_sites(args.sites, model.domain)
    if sites is not None:
        check_site_count(model, sites)  # before anything is drawn
    with progress_bar("inspecting", STAGES, show=not args.json) as bar:
        bar.note("example")
        example = read_example(args, model)
        bar()
        bar.note("receptive fields")
        fields = find_receptive_fields(model, seed=args.seed)
        summary = summarise_model(model, fields)
        bar()
        bar.note("pictures")
        pictures = draw_pictures(model, fields, example, sites=sites)
        bar()
        write_files(out, summary, pictures)
        bar()
    (print_json if args.json else print_tables)(out, summary, pictures)
    return 0


def new_folder(args: Namespace) -> Path:
    """Return the new folder of the page and the pictures.

    Raises:
        ChainruleError: the folder exists.
    """
    if args.out is not None:
        refuse_existing(Path(args.out))
        return Path(args.out)
    out = Path(args.run) / "inspect"
    if out.exists():
        raise ChainruleError(f"{out} exists and would be overwritten; give another folder as --out, or remove it first")
    return out


def parse_sites(texts: Sequence[str], domain: Domain) -> list[int]:
    """Return the sites that the texts name; a pixel without a channel stands for all of its channels.

    Raises:
        ChainruleError: a text that names no site.

    Example:
        >>> from chainrule.domains import Binary
        >>> parse_sites(["0,1", "1,0,B"], Binary((3, 2, 2)))
        [1, 5, 9, 10]
    """
    return list(dict.fromkeys(site for text in texts for site in parse_site(text, domain)))


def parse_site(text: str, domain: Domain) -> list[int]:
    """Return the sites that one text names.

    Raises:
        ChainruleError: it names no site.
    """
    sizes = (*domain.shape[1:], domain.shape[0]) if domain.is_image else (domain.sites,)
    channels = domain.shape[0] if domain.is_image else 0
    letters = {channel_name(each, channels).upper(): str(each) for each in range(channels)}
    parts = [letters.get(part.strip().upper(), part.strip()) for part in text.split(",")]
    counts = (2, 3) if domain.is_image else (1,)
    inside = len(parts) in counts and all(
        part.isdecimal() and int(part) < size for part, size in zip(parts, sizes, strict=False)
    )
    if not inside:
        raise ChainruleError(f"--sites {text} names no site of this model; give {site_format(domain)}")
    if not domain.is_image:
        return [int(parts[0])]
    row, column, *channel = map(int, parts)
    _, height, width = domain.shape
    return [each * height * width + row * width + column for each in channel or range(channels)]


def site_format(domain: Domain) -> str:
    """Return the format of the names of sites, for a message."""
    if not domain.is_image:
        return f"a number from 0 to {domain.sites - 1}"
    channels, height, width = domain.shape
    form, names = "row,column or row,column,channel", "R, G or B" if channels == 3 else f"0 to {channels - 1}"
    where = f"rows 0 to {height - 1}, columns 0 to {width - 1}"
    return f"row,column: {where}" if channels == 1 else f"{form}: {where}, channels {names}"


def read_example(args: Namespace, model: AutoregressiveModel) -> Example:
    """Return the datum that the options name, or a sample.

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


def write_files(out: Path, summary: ModelSummary, pictures: ModelPictures) -> None:
    """Write the page and the pictures into a new folder."""
    with new_directory(out) as folder:
        for picture in pictures.pictures:
            (folder / picture.file).write_bytes(picture.png)
        write_page(summary, pictures, folder / PAGE)


def print_json(out: Path, summary: ModelSummary, pictures: ModelPictures) -> None:
    """Print the summary and the names of the files as JSON."""
    files = [str(out / picture.file) for picture in pictures.pictures]
    written = {"page": str(out / PAGE), "pictures": files, "left_out": pictures.left_out}
    print(json.dumps({**asdict(summary), **written}))


def print_tables(out: Path, summary: ModelSummary, pictures: ModelPictures) -> None:
    """Print the summary as tables, and the names of the files."""
    console = Console(highlight=False, markup=False)
    about_model = Table(show_header=False)
    for name, value in summary_rows(summary):
        about_model.add_row(name, value)
    console.print(about_model)
    weights = Table(*WEIGHT_COLUMNS[:2])
    for column in WEIGHT_COLUMNS[2:]:
        weights.add_column(column, justify="right")
    for row in weight_rows(summary):
        weights.add_row(*row)
    console.print(weights)
    for reason in pictures.left_out:
        console.print(f"left out: {reason}", soft_wrap=True)
    for section in pictures.sections:
        names = ", ".join(picture.file for picture in section.pictures)
        console.print(f"{section.heading}: {names}", soft_wrap=True)
    console.print(f"All of it: {out / PAGE}", soft_wrap=True)
