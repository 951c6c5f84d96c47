"""What a download that fails tells the person: which file, why, and what to do."""

import pooch
import pytest
import requests

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.sample_data.downloads import REAL_SEM, REAL_TEM, fetch

NO_HOST = "http://127.0.0.1:9"


def fails_with(monkeypatch, error):
    """Let every download raise `error`."""

    def download(self, url, output_file, pooch, check_only=False):
        raise error

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)


def refusal():
    response = requests.Response()
    response.status_code, response.reason = 429, "Too Many Requests"
    return requests.exceptions.HTTPError(response=response)


@pytest.mark.parametrize(
    ("error", "why", "advice"),
    [
        (
            requests.exceptions.ConnectionError("no route"),
            "connection to .* failed",
            "connect to the internet",
        ),
        (requests.exceptions.SSLError("proxy"), "connection to .* failed", "connect to the internet"),
        (requests.exceptions.ReadTimeout("slow"), "did not answer in time", "check the connection"),
        (refusal(), "429 Too Many Requests", "wait a while"),
        (OSError(28, "No space left on device"), "No space left", "make room"),
    ],
)
@pytest.mark.parametrize("sample", [REAL_SEM, REAL_TEM])
def test_the_sentence_tells_file_reason_and_advice(sample, error, why, advice, tmp_path, monkeypatch):
    fails_with(monkeypatch, error)
    with pytest.raises(InputError, match=why) as caught:
        fetch(sample, cache=tmp_path)
    sentence = str(caught.value)
    assert sample.path.rpartition("/")[2] in sentence
    assert advice in sentence
    assert "generated" in sentence
    assert "\n" not in sentence
    assert not list(tmp_path.iterdir())


def test_a_damaged_copy_in_the_cache_is_not_handed_out(tmp_path):
    (tmp_path / "sub-rat4_sample-data12_SEM.png").write_bytes(b"cut short")
    with pytest.raises(InputError, match="could not be downloaded"):
        fetch(REAL_SEM, cache=tmp_path, host=NO_HOST)


def test_a_cache_that_is_a_file_is_not_blamed_on_the_network(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(InputError, match="could not be stored"):
        fetch(REAL_SEM, cache=tmp_path / "cache", host=NO_HOST)


def test_addresses_are_pinned_to_a_commit():
    for sample in (REAL_SEM, REAL_TEM):
        assert (
            sample.url()
            == f"https://raw.githubusercontent.com/{sample.repository}/{sample.commit}/{sample.path}"
        )
        assert len(sample.commit) == 40
        assert len(sample.sha256) == 64
        assert sample.licence == "MIT"
