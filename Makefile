# make book             the site, from the outputs stored in the notebooks
# make book EXECUTE=1   run every notebook first, then build
# make test             unit and contract tests, notebooks, exercises, site
# make bench            timings beside diffusers and azula (numbers, not pass or fail); installs those two first
# make clean            remove what was built; keeps .venv
#
# On Linux pip takes the build of torch for CUDA. For the smaller one that needs no GPU, make the environment first:
#   python3 -m venv .venv && .venv/bin/pip install torch==2.13.0 --index-url ADDRESS
# with the address of the CPU builds that pytorch.org gives; make then keeps it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
PEERS = $(VENV)/.installed-bench

.PHONY: book test bench clean

book: $(STAMP)
	$(BIN)/python -m minidiff.dev book $(if $(filter 1 yes true,$(EXECUTE)),--execute)

test: $(STAMP)
	$(BIN)/python -m minidiff.dev test

bench: $(PEERS)
	$(BIN)/python -m minidiff.dev bench

# The stamp is written last: an install that broke off is done again.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] < (3, 14); \
	sys.exit(0 if ok else "minidiff needs Python 3.11 to 3.13, this is " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e ".[book,test,exercises]" -c constraints.txt
	@touch $(STAMP)

# The libraries that the timings stand beside; nothing else needs them. azula comes without its requirements, see
# pyproject.toml.
$(PEERS): $(STAMP)
	$(BIN)/python -m pip install --quiet -e ".[bench]" -c constraints.txt
	$(BIN)/python -m pip install --quiet --no-deps azula -c constraints.txt
	@touch $(PEERS)

clean:
	rm -rf build .pytest_cache .hypothesis .coverage .coverage.*
