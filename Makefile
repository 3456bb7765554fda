# The tasks of the project. Each runs in the Python environment that is active; `make` alone lists them.
# .ci/run and the workflows for hosted CI call these tasks, so that there is one place that says how each is done.

DIST ?= dist

.PHONY: help lint types test docs wheel coverage benchmarks

help:  ## list the tasks
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

lint:  ## check the style and the format of the code
	ruff check
	ruff format --check

types:  ## check the types
	mypy
	cd benchmarks && MYPYPATH=.. mypy --config-file ../pyproject.toml ./*.py ../recipes/*.py
	cd website && MYPYPATH=.. mypy --config-file ../pyproject.toml ./*.py

test:  ## run all tests, and the examples in docstrings
	pytest

docs:  ## build the documentation in build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	python website/external_loads.py build/site

wheel:  ## build the source archive, and the wheel from it, in dist
	PIP_CONSTRAINT="$(CURDIR)/constraints.txt" python -m build --outdir "$(DIST)"

coverage:  ## run all tests, and report the lines that none of them ran, also in build/coverage
	pytest --cov --cov-report=term --cov-report=html

benchmarks:  ## time drawing and training against plain PyTorch; leave the machine alone meanwhile
	python benchmarks/speed.py
	python benchmarks/recurrence.py
	python benchmarks/masks.py
