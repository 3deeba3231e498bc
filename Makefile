# Two commands for a newcomer: `make run` shows it at work, `make test` proves it.

.PHONY: run check test long bench fuzz mutants rfc-index help

# Seconds the tests of each room may take on two cores. `make test` measures and prints; what exceeds its budget goes
# to `make long`, smaller but never zero here. `build` is a clean build of everything, `docs` the examples in comments.
BUDGETS = build=480 docs=120 \
	mail=20 smtp=60 policy=90 world=10 wire=60 dns=40 spool=120 ledger=50 registry=40 \
	admission=30 inbound=60 outbound=60 portcullis=600 bench=60 fuzz=40 sim=60

# The same of `make long`, which tries many more cases: what it took on two busy cores, rounded up;
# of policy an estimate, as its longest test was cut down since.
BUDGETS_LONG = build=600 docs=120 \
	mail=150 smtp=120 policy=900 world=30 wire=60 dns=40 spool=120 ledger=150 registry=300 \
	admission=60 inbound=60 outbound=900 portcullis=1200 bench=60 fuzz=60 sim=300

help:
	@echo "make run     build a release and run the demonstration: a small organisation on loopback, nothing to install"
	@echo "make check   format, lints, arrows between the rooms, licences: quick, before every commit"
	@echo "make test    every test, with real clients and servers: what CI runs"
	@echo "make long    the tests that need patience"
	@echo "make bench   beside Postfix, in numbers; as root. ONLY=accept runs the rows that match, RUNS=1 is quicker"
	@echo "make mutants judgement rewritten wrongly in every small way: its tests must notice (ONLY=, LIST=1)"
	@echo "make fuzz    guided fuzzing, a minute for each target (TIME=600 TARGET=server,client)"

run:
	cargo build --release -p portcullis
	target/release/portcullis demo

check:
	cargo fmt --all --check
	tools/arrows.py --test
	tools/arrows.py
	tools/words.py
	tools/format-tests.py
	tools/rfc-index.py --check
	cargo clippy --workspace --all-targets -- -D warnings

test:
	tools/install-test-deps.sh
	tools/rooms.py $(BUDGETS)

# The same tests with many more cases each, and with the release where they start the program.
long:
	tools/install-test-deps.sh
	cargo build --release -p portcullis
	rm -f $(BUILT)/tmp/storms*.md
	PORTCULLIS_LONG=1 PORTCULLIS_BINARY=$(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/release/portcullis \
		PROPTEST_CASES=4000 tools/rooms.py --long $(BUDGETS_LONG); \
		status=$$?; cat $(BUILT)/tmp/storms*.md; exit $$status
	cargo run --release -p sim -- --until-covered --at-least 200
	$(MAKE) mutants

# Where cargo builds.
BUILT = $(or $(CARGO_TARGET_DIR),target)

# `make bench ONLY=accept RUNS=3`; prints a table, and writes bench.json and bench.md beside it.
bench:
	cargo build --release -p portcullis -p bench
	tools/install-bench-deps.sh $(BUILT)/bench/postfix-root
	$(BUILT)/release/portcullis-bench

# What the bounded runs of `make test` do in seconds, guided by coverage and for as long as TIME says, in seconds.
fuzz:
	tools/fuzz.py --time $(or $(TIME),60) --target "$(TARGET)"

# Works on a copy of the source. What nobody notices must be explained in crates/policy/tests/survivors.txt.
mutants:
	CARGO_TARGET_DIR=$(abspath $(BUILT))/mutants/tool cargo run --release --locked --manifest-path tools/mutants/Cargo.toml -- \
		$(CURDIR) $(abspath $(BUILT))/mutants $(if $(ONLY),--only "$(ONLY)") $(if $(LIST),--list)

rfc-index:
	tools/rfc-index.py
