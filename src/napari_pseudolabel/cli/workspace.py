"""``pseudolabel workspace``: labelling sessions without a look into napari."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_pseudolabel.cli import output
from napari_pseudolabel.cli.formats import Wanted, with_format
from napari_pseudolabel.cli.option_types import AsJson
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats import format_named, formats
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import sentence, shown

if TYPE_CHECKING:
    from napari_pseudolabel.workspace import SessionContent, SessionInfo, Workspace
    from napari_pseudolabel.workspace.sessions import Edit, LayerState

Folder = Annotated[
    Path | None, typer.Argument(metavar="[FOLDER]", help="A workspace; by default the one in your home.")
]
InWorkspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace", metavar="FOLDER", help="Where the session is, if not in the default workspace."
    ),
]


def list_sessions(folder: Folder = None, as_json: AsJson = False) -> None:
    """List the labelling sessions of a workspace, the one that was saved last first."""
    found = _workspace(folder)
    sessions = found.sessions.list()
    data = {"folder": str(found.folder), "sessions": [_described(session) for session in sessions]}
    output.show(data, "\n".join(_listed(found, sessions)), as_json=as_json)


def show(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[FOLDER|ID]", help="A workspace, or a session; the default workspace if left out."
        ),
    ] = None,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Show the settings of a workspace, or the layers of a session and the effort behind them."""
    if target is not None and not Path(target).is_dir():
        _show_session(_workspace(workspace), target, as_json)
        return
    found = _workspace(workspace if target is None else Path(target))
    about, sessions, models = found.about, found.sessions.list(), found.history.entries()
    data = {
        "folder": str(found.folder),
        "name": about.name,
        "created": about.created.isoformat() if about.created else None,
        "target_quality": about.target_quality,
        "models": len(models),
        "sessions": [_described(session) for session in sessions],
    }
    text = (
        f"{about.name}: {found.folder}",
        f"  created: {_time(about.created) if about.created else 'unknown'}",
        f"  target quality: Dice {about.target_quality:g}",
        f"  trained models: {len(models)}",
        *_listed(found, sessions),
    )
    output.show(data, "\n".join(text), as_json=as_json)


def create(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New, or one that is there.")],
    name: Annotated[
        str, typer.Option("--name", help="What you call the effort; the folder's name by default.")
    ] = "",
    target_quality: Annotated[
        float, typer.Option(help="Mean Dice at which you want to stop correcting, up to 1.")
    ] = 0.9,
    as_json: AsJson = False,
) -> None:
    """Make a workspace for one labelling effort."""
    from napari_pseudolabel.workspace import Workspace

    made = Workspace.create(folder, name or folder.absolute().name, target_quality=target_quality)
    data = {"folder": str(made.folder), "name": made.about.name, "target_quality": made.about.target_quality}
    output.show(data, f"Made the workspace “{made.about.name}” in {made.folder}.", as_json=as_json)


def open_session(
    folder: Folder = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="By default the one that was saved last.")
    ] = None,
) -> None:
    """Open a session in napari and go on with it."""
    workspace = _workspace(folder)
    id = session or _newest(workspace.folder, workspace.sessions.list())
    # What is wrong with it is told here, before a window opens.
    workspace.sessions.open(id).close(finished=False)
    from napari_pseudolabel.viewer.session_reader import run_napari

    run_napari(workspace, id)


@with_format
def export(
    id: Annotated[str, typer.Argument(metavar="ID", help="A session of `pseudolabel workspace list`.")],
    folder: Annotated[
        Path, typer.Argument(metavar="DEST", help="Folder to write to; made if it is missing.")
    ],
    wanted: Wanted,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Write all labels of a session with their provenance, and effort.csv with a line for every edit."""
    from napari_pseudolabel.viewer.session_labels import SESSION_KEY, labels_of, name_of
    from napari_pseudolabel.workspace import write_text
    from napari_pseudolabel.workspace.json_file import make_folder
    from napari_pseudolabel.workspace.sessions import effort_csv

    with closing(_workspace(workspace).sessions.read(id)) as content:
        found, notes = labels_of(content, id)
        edits = content.edits()
        names = {layer.id: name_of(layer) for layer in content.layers()}
    if not found:
        raise InputError(f"The session {id} holds no labels; choose another of `pseudolabel workspace list`.")
    format = wanted.format(folder) or formats()[0]
    chosen = format_named(format) if isinstance(format, str) else format
    targets = [folder / f"{stem}{chosen.suffix}" for stem in _file_names([name for name, _ in found])]
    if chosen.collects:
        of = [str((one.provenance.get("source") or {}).get("path") or name) for name, one in found]
        if twice := next((name for name in of if of.count(name) > 1), None):
            raise InputError(
                f"The session {id} holds several labels of {Path(twice).name}, but {chosen.title} one of each image; export them from the "
                "dock Export."
            )
        targets = [folder / chosen.proposed] * len(found)
    log = folder / "effort.csv"
    known = [_noted(target, SESSION_KEY) == id for target in targets]
    foreign = [path for path, own in zip((*targets, log), (*known, any(known)), strict=True) if not own]
    if there := [path for path in foreign if path.exists()]:
        raise InputError(
            f"{there[0]} is there and was not exported from the session {id}; choose another folder."
        )
    make_folder(folder)
    files: list[Path] = []
    for target, (name, labels) in zip(targets, found, strict=True):
        files += labels.write(target, format)
        notes = (*notes, *(f"{name}: {said['sentence']}" for said in labels.spot_statements[-1:]))
    files.append(log)
    write_text(log, effort_csv(edits, names))
    data = {"files": [str(file) for file in files], "notes": list(notes)}
    output.show(data, "\n".join([*map(shown, files), *map(sentence, notes)]), as_json=as_json)


def _noted(path: Path, key: str) -> object:
    """Return what the provenance of an exported file says under a key of its own; None if there is none."""
    from napari_pseudolabel.exporting import read_sidecar

    try:
        return (read_sidecar(path).model_extra or {}).get(key)
    except InputError:
        return None


def _workspace(folder: Path | None) -> Workspace:
    from napari_pseudolabel.workspace import Workspace

    if folder is None:
        return Workspace.default()
    if not folder.exists():
        raise InputError(f"There is no folder {folder}; check the path.")
    return Workspace.open(folder)


def _newest(folder: Path, sessions: Sequence[SessionInfo]) -> str:
    usable = [one.id for one in sessions if (one.layers or not one.note) and not one.in_use]
    if not usable:
        raise InputError(
            f"There is no session in {folder} that can be opened; see `pseudolabel workspace list`."
        )
    return usable[0]


def _listed(workspace: Workspace, sessions: Sequence[SessionInfo]) -> Iterator[str]:
    if not sessions:
        yield f"There are no sessions in {workspace.folder}."
        return
    head = ("id", "images", "saved", "corrected", "confirmed", "edits", "size", "state")
    rows = [
        (
            session.id,
            session.title or "-",
            _time(session.saved),
            f"{session.share_corrected:.1%}",
            f"{session.share_confirmed:.1%}",
            str(session.edits),
            _size(session.bytes),
            session.state,
        )
        for session in sessions
    ]
    yield output.table(head, rows)
    yield from (f"{session.id}: {session.note}" for session in sessions if session.note)


def _described(one: SessionInfo) -> JsonObject:
    return {
        "id": one.id,
        "path": str(one.path),
        "images": one.title,
        "created": one.created.isoformat(),
        "saved": one.saved.isoformat(),
        "share_corrected": one.share_corrected,
        "share_confirmed": one.share_confirmed,
        "layers": one.layers,
        "edits": one.edits,
        "bytes": one.bytes,
        "state": one.state,
        "note": one.note,
    }


def _show_session(workspace: Workspace, id: str, as_json: bool) -> None:
    with closing(workspace.sessions.read(id)) as content:
        info = next(session_info for session_info in workspace.sessions.list() if session_info.id == id)
        layers, edits = content.layers(), content.edits()
        checked = _spot_checks(content, id)
    effort = _effort(edits)
    data = {
        **_described(info),
        "layer_list": [
            {
                "name": _name(layer),
                "kind": layer.kind,
                "shape": _shape(layer),
                "file": layer.source.path if layer.source else None,
            }
            for layer in layers
        ],
        "effort": [
            {"tool": tool, "edits": number, "pixels": pixels, "seconds": seconds}
            for tool, number, pixels, seconds in effort
        ],
        "spot_checks": checked,
    }
    lines = [
        f"{id}: {info.title or 'no images'}, {info.state}",
        f"  begun: {_time(info.created)}, saved: {_time(info.saved)}, {_size(info.bytes)}",
        f"  corrected: {info.share_corrected:.1%}, confirmed: {info.share_confirmed:.1%} of the pixels",
        "",
        output.table(
            ("layer", "kind", "size", "file"),
            [
                (
                    _name(layer),
                    layer.kind,
                    " x ".join(map(str, _shape(layer) or ())) or "-",
                    layer.source.path if layer.source else "-",
                )
                for layer in layers
            ],
        ),
        "",
        output.table(
            ("tool", "edits", "pixels", "minutes"),
            [
                (tool, str(number), str(pixels), f"{seconds / 60:.1f}")
                for tool, number, pixels, seconds in effort
            ],
        ),
    ]
    for name, said in checked.items():
        lines += ["", f"{shown(name)}, spot check of {said[-1]['begun']}: {said[-1]['sentence']}"]
    output.show(data, "\n".join(lines), as_json=as_json)


def _spot_checks(content: SessionContent, id: str) -> dict[str, list[JsonObject]]:
    """Return what a person judged of the labels of a session, by the name of the layer, the newest last."""
    from napari_pseudolabel.labels.spot_check import SPOT_CHECK_KEY
    from napari_pseudolabel.viewer.session_labels import labels_of

    # Whether it still holds, the pixels say, and reading these takes time.
    if not any(SPOT_CHECK_KEY in layer.attributes.get("metadata", {}) for layer in content.layers()):
        return {}
    return {name: said for name, labels in labels_of(content, id)[0] if (said := labels.spot_statements)}


def _effort(edits: Sequence[Edit]) -> list[tuple[str, int, int, float]]:
    """Tool, edits, pixels and seconds, the tool that took longest first."""
    tools = {edit.tool for edit in edits}
    rows = [
        (tool, len(own), sum(edit.pixels for edit in own), sum(edit.seconds for edit in own))
        for tool in tools
        for own in [[edit for edit in edits if edit.tool == tool]]
    ]
    return sorted(rows, key=lambda row: (-row[3], row[0]))


def _name(layer: LayerState) -> str:
    return str(layer.attributes.get("name") or layer.id)


def _shape(layer: LayerState) -> list[int] | None:
    return list(layer.arrays[0].shape) if layer.arrays else None


def _file_names(names: Sequence[str]) -> list[str]:
    """Names of layers as names of files, each of them once, also where capital letters are no difference."""
    made: dict[str, str] = {}
    for name in names:
        stem = re.sub(r"[^\w-]+", "_", name).strip("_") or "labels"
        free = (stem if number == 1 else f"{stem}_{number}" for number in itertools.count(1))
        stem = next(one for one in free if one.casefold() not in made)
        made[stem.casefold()] = stem
    return list(made.values())


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _size(bytes: int) -> str:
    return f"{bytes / 1e6:.1f} MB"
