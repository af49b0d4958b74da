"""``osteoscreen phantom``: a synthetic CT with known truth."""

from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib.cli.job import job


def phantom(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The CT: .nii.gz, .nrrd or .mha.")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another patient.")] = 0,
    labels: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the true label map, too.")] = None,
) -> None:
    """Make a synthetic CT; the same seed makes the same one."""
    with job() as work:
        from OsteoScreenLib.image_file import check_image_path, write_image, write_labels
        from OsteoScreenLib.phantoms import make_phantom
        from OsteoScreenLib.progress import stop_if

        check_image_path(output)
        if labels is not None:
            check_image_path(labels, labels=True)
        work.progress(0.1, "Making the phantom")
        made = make_phantom(seed=seed)
        stop_if(work.cancelled)
        work.progress(0.8, "Writing")
        write_image(made.volume, output)
        if labels is not None:
            write_labels(made.labels, labels)
        work.say(f"Phantom {seed}: {output}" + (f" and {labels}" if labels else ""))
