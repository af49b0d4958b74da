"""``osteoscreen train verte-x``, ``bone-texture`` and ``knee``: networks on films."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import DeviceOption

TEST = "test"


def trainer_of(name: str) -> Callable[..., None]:
    """Return the command that trains a system's networks."""

    def command(
        data: Annotated[
            Path,
            typer.Argument(
                metavar="DATA", help="A folder for each class, or a CSV: path, label (or tbs), patient, age, sex, bmi."
            ),
        ],
        output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The model's folder.")],
        run: Annotated[
            Path | None, typer.Option(metavar="DIR", help="Checkpoints and the curve; else OUTPUT-run.")
        ] = None,
        network: Annotated[str | None, typer.Option(help="One of the system's; an unknown name lists them.")] = None,
        epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the films; else the paper's.")] = None,
        limit: Annotated[int | None, typer.Option(min=20, help="Take at most so many films, of both classes.")] = None,
        weights: Annotated[
            str | None,
            typer.Option(
                metavar="imagenet|FILE|DIR",
                help="Start from ImageNet's weights (torchvision's, fetched if need be), a file's or a model's.",
            ),
        ] = None,
        learn_share: Annotated[
            float, typer.Option(min=0.1, max=0.9, help="Share of films learned from; the others are the test.")
        ] = 0.7,
        bounds: Annotated[
            tuple[float, float] | None,
            typer.Option(
                "--tbs", metavar="LOW HIGH", help="Bone-texture: TBS up to LOW is degraded, from HIGH on normal."
            ),
        ] = None,
        paper: Annotated[
            bool, typer.Option("--paper", help="The paper's order of varying and splitting; says where that leaks.")
        ] = False,
        tune: Annotated[
            int | None, typer.Option(metavar="N", min=2, help="Try N recipes first, with Ray Tune, and take the best.")
        ] = None,
        drop_conflicting: Annotated[
            bool, typer.Option("--drop-conflicting", help="Leave copies with different labels out, do not refuse.")
        ] = False,
        workers: Annotated[int, typer.Option(min=0, help="Processes that vary films.")] = 1,
        seed: Annotated[int, typer.Option(min=0, help="Same seed, same training.")] = 0,
        device: DeviceOption = "auto",
    ) -> None:
        with job() as work:
            from OsteoScreenLib.device import choose
            from OsteoScreenLib.progress import part
            from OsteoScreenLib.radiographs.pretrained import find_start
            from OsteoScreenLib.radiographs.systems import graded_by
            from OsteoScreenLib.radiographs.systems import system as find_system
            from OsteoScreenLib.report.film_pages import write_test
            from OsteoScreenLib.training.duplicates import without_duplicates
            from OsteoScreenLib.training.film_sets import prepare_films, split_films
            from OsteoScreenLib.training.films import Choices, train
            from OsteoScreenLib.training.pictures import limited, read_pictures
            from OsteoScreenLib.training.tuning import TRIALS, tuned

            system = find_system(name)
            chosen, _, _ = system.network(network)
            start = find_start(weights, chosen, work.say) if weights else None
            if bounds:
                system = replace(system, grading=graded_by(system, *bounds))
            pictures, left_out = read_pictures(data, system)
            pictures, said = without_duplicates(limited(pictures, limit, seed), drop_conflicting)
            for line in (*left_out, *said):
                work.say(line)
            if paper and not system.paper_leaks:
                work.say(f"Note: the paper of {name} varies films after the split, as is done here; nothing leaks.")
            run = run or output.with_name(f"{output.name}-run")
            films = prepare_films(pictures, system, run, part(work.progress, 0.0, 0.1), work.cancelled)
            choices = Choices(
                chosen, epochs, seed, workers, learn_share, paper_order=paper and system.paper_leaks, start=start
            )
            trying = 0.6 if tune else 0.1
            if tune:
                recipe, auc = tuned(
                    system, split_films(system, films, choices), tune, run, choices, choose(device),
                    part(work.progress, 0.1, trying), work.cancelled,
                )  # fmt: skip
                choices = replace(choices, recipe=recipe)
                work.say(
                    f"Best of {tune} recipes by AUC on the films watched ({auc:.3f}): rate {recipe.rate:.2g}, batch "
                    f"{recipe.batch}, momentum {recipe.momentum:.2f}, weight decay {recipe.weight_decay:.2g}; all in "
                    f"{run / TRIALS}"
                )
            trained = train(
                system, films, output, run, choices, choose(device), part(work.progress, trying, 1.0), work.cancelled
            )
            for warning in trained.warnings:
                work.say(f"WARNING: {warning}")
            write_test(trained, system.classes, output / TEST)
            result = trained.result
            low, high = result.auc_ci95
            work.say(f"{trained.card.architecture}: {output}")
            work.say(
                f"Held out: {len(trained.test.pictures)} films of {len(set(trained.test.patients))} patients. "
                f"TP {result.true_positive} FP {result.false_positive} TN {result.true_negative} "
                f"FN {result.false_negative}"
            )
            work.say(
                f"accuracy {result.accuracy:.3f}  sensitivity {result.sensitivity:.3f}  specificity "
                f"{result.specificity:.3f}  F1 {result.f1:.3f}  AUC {result.auc:.3f} ({low:.3f} to {high:.3f})"
            )

    command.__doc__ = f"Train a {name} network on films; patients held out test it."
    return command
