"""Search of a recipe to train by with Ray Tune, as the bone texture paper did; the films held out take no part."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from OsteoScreenLib.errors import InputError, OsteoScreenError
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.radiographs.systems import Recipe, System
from OsteoScreenLib.training.film_sets import Split
from OsteoScreenLib.training.films import Choices, area, fitted, logits

if TYPE_CHECKING:
    from ray.tune import Callback

TRIALS = "trials.csv"

RATES, BATCHES, MOMENTA, DECAYS = (1e-5, 1e-2), (8, 16, 24, 32, 48), (0.5, 0.95), (1e-6, 1e-2)
"""What is searched: rate and weight decay on a logarithmic scale, batch, and the momentum of those trained by SGD."""


class RayError(OsteoScreenError):
    """Ray is there but does not start."""


def tuned(
    system: System,
    split: Split,
    trials: int,
    folder: Path,
    choices: Choices,
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> tuple[Recipe, float]:
    """Return the best of `trials` recipes drawn at random (seeded), and its AUC on the films watched.

    Each trial trains a network for `choices.epochs`, on one core each or on the accelerator in turn. ``trials.csv`` in
    `folder` has them all. Raises `InputError` where Ray is not installed, `RayError` where it does not start.
    """
    try:
        from ray import tune
    except ImportError as error:
        raise InputError("A search needs Ray Tune, which is not installed: pip install 'osteoscreen[tune]'.") from error
    published = choices.recipe or system.network(choices.network)[2]

    def trial(config: dict[str, float], split: Split) -> dict[str, float]:
        asked = replace(choices, recipe=replace(published, **config, patience=None), workers=0)
        network = fitted(system, split, Path.cwd() / "run", asked, device)
        return {"auc": area(split.watched.ill, logits(network, split.watched.images, device))}

    space = {
        "rate": tune.loguniform(*RATES),
        "batch": tune.choice([size for size in BATCHES if size <= len(split.learned.pictures)]),
        "weight_decay": tune.loguniform(*DECAYS),
        **({"momentum": tune.uniform(*MOMENTA)} if published.optimiser == "sgd" else {}),
    }
    resources = {"cpu": 1, "gpu": 1 if device == "cuda" else 0}
    with _ray():
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(trial, split=split), resources),
            param_space=space,
            tune_config=tune.TuneConfig(
                metric="auc",
                mode="max",
                num_samples=trials,
                search_alg=tune.search.BasicVariantGenerator(random_state=choices.seed),
            ),
            run_config=tune.RunConfig(
                storage_path=str(folder.resolve()),
                name="tune",
                verbose=0,
                callbacks=[_teller(trials, progress, cancelled)],
            ),
        )
        try:
            found = tuner.fit()
        except Exception:
            stop_if(cancelled)
            raise
    stop_if(cancelled)
    best = found.get_best_result()
    table = found.get_dataframe().filter(regex="^(auc$|config/)").sort_values("auc", ascending=False)
    with staged_file(folder / TRIALS) as staged:
        table.rename(columns=lambda name: name.removeprefix("config/")).to_csv(staged, index=False)
    return replace(published, **best.config), float(best.metrics["auc"])


@contextmanager
def _ray() -> Iterator[None]:
    """Start Ray on this machine's cores without its dashboard and without its reports of use, and end it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    try:
        ray.init(
            address="local",
            num_cpus=os.cpu_count(),
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except Exception as error:  # Ray's own type for a node that does not come up in time
        raise RayError(f"Ray did not start ({str(error)[:80]}); try again when the machine is less busy.") from error
    try:
        yield
    finally:
        ray.shutdown()


def _teller(count: int, progress: Progress, cancelled: IsCancelled) -> "Callback":
    """Return what tells how many trials are done, and ends the search when it is cancelled."""
    from ray.tune import Callback

    class Teller(Callback):
        done = 0

        def on_step_begin(self, iteration: int, trials: list, **info: object) -> None:
            stop_if(cancelled)

        def on_trial_complete(self, iteration: int, trials: list, trial: object, **info: object) -> None:
            self.done += 1
            progress(self.done / count, f"Searched {self.done} of {count} recipes")

    return Teller()
