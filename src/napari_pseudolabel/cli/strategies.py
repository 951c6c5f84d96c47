"""The strategies in the shell: ``--strategy``, the options of each, and what is done before images are labelled."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_pseudolabel.cli import declared
from napari_pseudolabel.cli.declared import Command, parameter, replacing
from napari_pseudolabel.cli.output import say
from napari_pseudolabel.cli.shared import Shared
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.options import OptionField, changed
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.strategies.choice.auto import AUTO
from napari_pseudolabel.strategies.strategy import LabelRequest, Preparation, Strategy

if TYPE_CHECKING:
    from napari_pseudolabel.control import Control
    from napari_pseudolabel.engine import Connection
    from napari_pseudolabel.formats import Format
    from napari_pseudolabel.imaging import Image, ReadOptions
    from napari_pseudolabel.imaging.reading.file_images import FileImage
    from napari_pseudolabel.training.data.target_images import TargetImages

_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True)
class Chosen:
    """A strategy, and what was given of the options of any.

    Attributes
    ----------
    name
        None where none was given.
    """

    name: str | None
    given: dict[str, object]

    @property
    def auto(self) -> bool:
        """Whether the best of several ways is to be found."""
        return self.name == AUTO.name

    def strategy(self) -> Strategy:
        """Return the strategy that is meant.

        Raises
        ------
        InputError
            If there is none, or an option of another one was given.
        """
        strategy = registry.find(self.name or registry.offered()[0].name)
        self.refuse_options(_options(strategy))
        return strategy

    def refuse_options(self, own: Sequence[OptionField] = ()) -> None:
        """Raise InputError if an option of a strategy was given that is none of `own`."""
        known = {option.key for option in own}
        for one in registry.offered():
            for option in _options(one):
                if option.key in self.given and option.key not in known:
                    raise InputError(
                        f"{option.flag} is for {one.name}; leave it out, or give --strategy {one.name}."
                    )

    def options(self, strategy: Strategy) -> Any:
        """Those of a strategy; None if it has none."""
        if strategy.options is None:
            return None
        given = {one.path: self.given[one.key] for one in _options(strategy) if one.key in self.given}
        return changed(strategy.options(), given)


def strategic(command: Command) -> Command:
    """Replace the parameter ``chosen`` of a command by ``--strategy`` and the options of all strategies."""
    offered = registry.offered()
    does = "; ".join(f"{one.name} (in the dock “{one.title}”) {one.does}" for one in registry.listed())
    listed = f"[{'|'.join(one.name for one in registry.listed())}]"
    choice = inspect.Parameter(
        "strategy",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[
            str | None,
            typer.Option(
                "--strategy",
                metavar=listed,
                help=f"{does}. By default {offered[0].name}; without models, what is proposed for --modality.",
            ),
        ],
    )
    own = {
        option.key: parameter(option, given=True, panel=strategy.word)
        for strategy in reversed(offered)
        for option in _options(strategy)
    }

    def made(values: Mapping[str, Any]) -> Chosen:
        given = {name: value for name, value in values.items() if value is not None and name != "strategy"}
        return Chosen(values["strategy"], given)

    return replacing("chosen", [choice, *own.values()], made)(command)


def proposed(chosen: Chosen, request: LabelRequest, modality: str) -> tuple[Strategy, LabelRequest, str]:
    """Return the strategy and its models, proposed for what the images show where neither was given, and the reason.

    The reason is empty where something was given.

    Raises
    ------
    InputError
        If nothing was given, and nothing can be proposed.
    """
    strategy = chosen.strategy()
    if chosen.name is not None or request.translator or request.segmenter or request.folder:
        return strategy, request, ""
    from napari_pseudolabel.models import named_checkpoints
    from napari_pseudolabel.models.proposals import Candidate, known_modalities, propose

    models = [Candidate(one.name, one.card) for one in named_checkpoints() if one.card is not None]
    listed = ", ".join(known_modalities(models))
    if not modality:
        raise InputError(
            f"Say what the images show, and models are proposed: --modality with one of {listed}. Or give --segmenter, "
            "with --translator where the images shall be translated first."
        )
    found = propose(modality, models)
    if found is None:
        raise InputError(
            f"No named model takes {modality}; they take {listed}. Correct --modality, or give --segmenter and --translator."
        )
    roles = ("translator", "segmenter") if found.translator else ("segmenter",)
    strategy = next(one for one in registry.offered() if one.roles == roles)
    return (
        strategy,
        replace(request, translator=found.translator, segmenter=found.segmenter),
        f"{found.reason} ({', '.join(filter(None, (found.translator, found.segmenter)))})",
    )


def refuse(strategy: Strategy, request: LabelRequest) -> None:
    """Say what is missing, and what would do nothing.

    Raises
    ------
    InputError
        If a model is missing, or something is given that the strategy does not take.
    """
    for need in strategy.needs:
        if getattr(request, need.role) is None:
            raise InputError(
                f"{strategy.word} needs {need.words}; give --{need.role} (“pseudolabel models” lists those that have a name)."
            )
    if request.folder is None and strategy.preparation is not None:
        raise InputError(f"{strategy.word} keeps what it prepares; give --work-dir.")
    strategy.refuse_unused(request, flags=True)


def prepared(
    strategy: Strategy,
    request: LabelRequest,
    input: Path,
    output: Path,
    options: Shared,
    format: str | Format | None,
    *,
    confidence: bool,
) -> LabelRequest:
    """Do what is done once before any image is labelled, or find it done.

    Raises
    ------
    PseudolabelError
        If the input, the output or what is learned from cannot be used.
    Cancelled, Stopped
        After Ctrl-C.
    """
    from napari_pseudolabel.cli.train import resumable
    from napari_pseudolabel.exporting.planned_files import planned

    assert strategy.preparation is not None
    preparation = strategy.preparation
    # Now, and not when the training is over.
    plan = planned(input, output, format, confidence=confidence, reading=options.reading)
    if preparation.sees_images:
        request = replace(request, images=_readable(plan.images, options.reading))
    if preparation.takes_targets:
        request = replace(request, targets=_to_learn_from(input, request, options))
    job = preparation.job(request, (options.modality or "").strip())
    if output.resolve() in preparation.sources(job):
        raise InputError("The results cannot go into a folder of the labelled images; choose another folder.")
    with resumable(job.folder) as control:
        made = _done(job, _printing(preparation, control, options.as_json), options.connection)
    if not options.as_json:
        for note in made.notes:
            say(note)
    return preparation.with_result(request, job, made)


def _readable(images: Sequence[FileImage], reading: ReadOptions) -> tuple[Image, ...]:
    """Return images to learn from, spread over all; what cannot be read is told when it would be labelled."""
    from napari_pseudolabel.strategies.unlabelled_images import spread

    found = []
    for one in spread(images):
        with contextlib.suppress(InputError):
            found.append(one.read(reading))
    return tuple(found)


def _to_learn_from(input: Path, request: LabelRequest, options: Shared) -> TargetImages:
    """Return the images that are to be labelled, as a preparation takes them."""
    from napari_pseudolabel.training.data.target_images import TargetImages

    return TargetImages(
        source=input.resolve(),
        scale=request.settings.scale,
        reading=options.reading,
        channel=request.settings.channel,
    )


def _options(strategy: Strategy) -> tuple[OptionField, ...]:
    return declared.offered(strategy.options) if strategy.options else ()


def _done(job: Any, control: Control, connection: Connection | None) -> Any:
    """Run the training here, or on workers elsewhere, which see the same folders."""
    if connection is None:
        from napari_pseudolabel.models.loaded import LoadedModels

        return job.run(control, LoadedModels())
    from napari_pseudolabel.engine import Engine, Listener

    engine = Engine(connection)
    try:
        listener = Listener(progress=control.report, event=control.emit, notice=control.emit)
        handle = engine.submit(job, "train", listener)
        while not handle.wait(_LOOK_AGAIN_S):
            if control.cancelled():
                handle.cancel()
        return handle.result()
    finally:
        engine.shutdown()


def _printing(preparation: Preparation, control: Control, as_json: bool) -> Control:
    """Return the same control, which prints what the job tells."""
    from napari_pseudolabel.training.common.training_events import TrainStart

    def tell(event: object) -> None:
        sentence = preparation.event_text(event)
        if isinstance(event, TrainStart) and event.resumed_at:
            sentence = f"Going on after step {event.resumed_at}."
        if sentence and not as_json:
            say(sentence)
        else:
            control.emit(event)

    return replace(control, emit=tell)
