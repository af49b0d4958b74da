# OsteoScreen. `make demo` and `make test` each do all the set-up they need.

.PHONY: help install demo view test check bench

BIN := .venv/bin
STAMP := .venv/installed
EXTRAS := viewer,detection,dicom,statistics,train,tune,cohort,cluster,test
CT ?=
OUT ?= $(if $(CT),demo/case,demo/phantom)

help:
	@echo "make install        a .venv with everything, at the versions of constraints.txt"
	@echo "make demo           screen a synthetic CT and show the report"
	@echo "make demo CT=path   the same on your own CT (NIfTI, NRRD, MHA or a DICOM folder)"
	@echo "make view CT=path   the same in a browser page, to look, edit and measure (a synthetic CT if left out)"
	@echo "make test           the tests"
	@echo "make check          ruff, lint and format"
	@echo "make bench          the benchmarks"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@if [ ! -x $(BIN)/python ]; then \
		for python in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
			if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
				echo "Making .venv with $$($$python --version)"; $$python -m venv .venv && break; exit 1; \
			fi; \
		done; \
		[ -x $(BIN)/python ] || { echo "Python 3.11, 3.12 or 3.13 was not found; install one, or say make PYTHON=/path/to/python" >&2; exit 1; }; \
	fi
	@echo "Installing into .venv: some minutes, and several gigabytes the first time"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $(STAMP)

demo/phantom.nii.gz: | $(STAMP)
	$(BIN)/osteoscreen phantom -o $@ --seed 1

demo: $(STAMP) $(if $(CT),,demo/phantom.nii.gz)
	$(BIN)/osteoscreen screen "$(or $(CT),demo/phantom.nii.gz)" -o "$(OUT)"
	@report="$(OUT)/report.html"; echo "Report: $$report"; \
	if [ "$$(uname)" = Darwin ]; then open "$$report"; \
	elif [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then xdg-open "$$report"; fi

view: $(STAMP) $(if $(CT),,demo/phantom.nii.gz)
	$(BIN)/osteoscreen view "$(or $(CT),demo/phantom.nii.gz)"

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(STAMP)
	$(BIN)/python -m Testing.benchmarks.segmentation
