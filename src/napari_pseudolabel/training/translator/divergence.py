"""Which step of a translator training is the best, and when it goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_WORSE = 0.93
_HIDDEN = 0.05
_GROWN = 1.5
_BLURRED, _ROUGH = 0.25, 4.0
_TURNED = 0.2
_NAMES = (("the target", "source_to_target"), ("the source", "target_to_source"))


def quality(measures: Mapping[str, float]) -> float:
    """One number to choose a step by, in [0, 1].

    The geometric mean of three things that are worthless without each other: the structures of the source
    (``content``; a copy of the source would have all of them), the grey values of the other modality (``look``), and its
    fine structure (``sharpness``; both too little and too much count against it). The way back is left out on purpose:
    it gets better and better while translations get worse.
    """
    fine = measures["sharpness"]
    fine = min(fine, 1 / fine) if fine > 0 else 0.0
    return float((max(measures["content"], 0.0) * measures["look"] * fine) ** (1 / 3))


def divergence(history: Sequence[tuple[int, Mapping[str, float]]]) -> str:
    """One sentence when the measures of a training part ways, empty otherwise.

    Parameters
    ----------
    history
        Step and measures of every look so far, the newest last.
    """
    (_, first), (_, now) = history[0], history[-1]
    if now["hidden"] > max(_HIDDEN, _GROWN * first["hidden"]):
        return (
            "The way back works only while the fine patterns of the translation are left alone, so they may carry what "
            "its structures should show; look at the preview before going on."
        )
    step, best = max(((step, quality(m)) for step, m in history), key=lambda pair: pair[1])
    # Twice in a row, because single looks waver.
    if len(history) > 2 and all(quality(m) < _WORSE * best for _, m in history[-2:]):
        better_back = now["cycle"] < min(m["cycle"] for _, m in history[:-1])
        although = " although the way back gets better" if better_back else ""
        return (
            f"The translations have become worse since step {step}{although}; that step is kept, and going on "
            "rarely helps."
        )
    for name, way in _NAMES:
        # Looks of older versions did not measure it.
        then, sign = (look.get(f"contrast_{way}", 0.0) for look in (first, now))
        if then * sign < 0 and min(abs(then), abs(sign)) > _TURNED:
            became = "bright became dark" if sign < 0 else "bright stayed bright"
            return (
                f"Images translated into {name} modality have turned their contrast around since step {history[0][0]}; now "
                f"{became}. Nothing but your eyes can tell which is right; look at the preview before going on."
            )
    for name, way in _NAMES:
        ratio = now[f"sharpness_{way}"]
        if not _BLURRED <= ratio <= _ROUGH:
            how = "much more blurred" if ratio < _BLURRED else "much rougher"
            return f"Images translated into {name} modality are {how} than real ones; look at the preview before going on."
    return ""
