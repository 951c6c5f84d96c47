import pint
import pytest

from napari_pseudolabel.imaging.units import (
    AT_SCALE_BARS,
    canonical_unit,
    is_time,
    micrometres,
    ome_symbol,
    unit_or_pixel,
)


@pytest.mark.parametrize(
    ("spelling", "size"),
    [
        *(
            (text, 1.0)
            for text in ("micrometer", "µm", "μm", "um", "UM", "micron", "microns", "\\u00B5m", " um ")
        ),
        ("nm", 1e-3),
        ("nanometre", 1e-3),
        ("mm", 1e3),
        ("Å", 1e-4),
        ("\u212b", 1e-4),
        ("angstrom", 1e-4),
        ("cm", 1e4),
        ("m", 1e6),
        ("inch", 25400.0),
        (pint.Unit("nanometer"), 1e-3),
    ],
)
def test_lengths_in_micrometres(spelling, size):
    assert micrometres(spelling) == pytest.approx(size)


@pytest.mark.parametrize("spelling", ["pixel", "px", "s", "second", "reference frame", "", "None"])
def test_other_units_have_no_length(spelling):
    assert micrometres(spelling) is None


@pytest.mark.parametrize("spelling", ["nm", "µm", "Å", "mm", "s", "ms", "min", "h", "d", "pixel", "in", "pm"])
def test_canonical_names_mean_the_same_to_pint(spelling):
    assert pint.Unit(canonical_unit(spelling)) == pint.Unit(spelling)


def test_symbols_and_times():
    assert ome_symbol("micron") == "µm"
    assert ome_symbol("pixel") == "pixel"
    assert ome_symbol("furlong") is None
    assert is_time("ms")
    assert not is_time("um")
    assert unit_or_pixel("reference frame") == "pixel"
    assert unit_or_pixel("um") == "micrometer"


OME_LENGTHS = (
    "Ym Zm Em Pm Tm Gm Mm km hm dam m dm cm mm µm nm pm fm am zm ym Å thou li in ft yd mi ua ly pc pt"
)
OME_TIMES = "Ys Zs Es Ps Ts Gs Ms ks hs das s ds cs ms µs ns ps fs as zs ys min h d"
# What pint calls otherwise, or something else.
OTHERWISE = {"thou": "0.001 inch", "li": "inch / 12", "ua": "astronomical_unit", "pt": "inch / 72"}


@pytest.mark.parametrize("symbol", OME_LENGTHS.split())
def test_all_lengths_of_the_ome_schema_are_known(symbol):
    expected = pint.Quantity(OTHERWISE.get(symbol, symbol)).to("micrometer").magnitude
    assert micrometres(symbol) == pytest.approx(expected)
    assert ome_symbol(symbol) == symbol
    assert not is_time(symbol)


@pytest.mark.parametrize("symbol", OME_TIMES.split())
def test_all_times_of_the_ome_schema_are_known(symbol):
    assert pint.Unit(canonical_unit(symbol)) == pint.Unit(symbol)
    assert ome_symbol(symbol) == symbol
    assert is_time(symbol)
    assert micrometres(symbol) is None


@pytest.mark.parametrize("name", AT_SCALE_BARS)
def test_lengths_that_are_kept_are_known_to_pint(name):
    assert pint.Quantity(1, name).to("micrometer").magnitude == pytest.approx(micrometres(name))
