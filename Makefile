# `make demo` and `make test` do all the set-up on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: setup demo test soak bench gpu docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt tools/setup.sh
	PYTHON=$(PYTHON) VENV=$(VENV) sh tools/setup.sh
	touch $@

demo: setup
	$(BIN)/python -m napari_pseudolabel.demo $(ARGS)

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
# Three for two cores: tests that wait for processes leave one idle.
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

soak: setup
	$(BIN)/python -m pytest -m soak --timeout 3600 -o faulthandler_timeout=3900 --figures docs/reliability.md $(ARGS)
	$(BIN)/python -m pytest -n 3 --dist loadfile --hypothesis-profile thorough

bench: setup
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/tiles.py
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/effort.py
	$(BIN)/python benchmarks/effort_fine_tuning.py
	$(BIN)/python benchmarks/confidence.py
	$(BIN)/python benchmarks/painting.py

gpu: setup
	$(BIN)/python benchmarks/gpu.py --out benchmarks/results $(ARGS)

docs: setup
	$(BIN)/python tools/write_format_lists.py
	$(BIN)/python tools/write_option_page.py
	$(BIN)/python docs/make_screenshots.py
	$(BIN)/python docs/make_loop_pictures.py
	$(BIN)/python docs/make_correct_pictures.py
	$(BIN)/python docs/make_many_pictures.py
	$(BIN)/python docs/make_tutorship_pictures.py
	$(BIN)/python docs/make_model_pages.py

clean:
	rm -rf $(VENV) build dist demo_output
