# Two commands are all it takes: `make demo` and `make test`. Each sets up what it needs first (tests/tools/setup),
# or says exactly what to install.

.DEFAULT_GOAL := help
.PHONY: help demo test sim chaos fuzz fmt lint doc deny advisories bench bench-growth bench-e2e bench-latency bench-peers flame mutants planted real-parts setup clean

demo: ## the whole service on an embedded broker with a live stream; prints the address to open (ARGS="--customers 500")
	@tests/tools/setup build
	cargo run --release -- demo $(ARGS)

test: setup ## every test, with a real Kafka broker, schema registry, Prometheus and Alertmanager
	cargo test --workspace --no-fail-fast $(ARGS)

chaos: setup ## instances and broker killed at random for twenty minutes (UPSWELL_CHAOS_SECONDS to choose)
	UPSWELL_CHAOS_SECONDS=$${UPSWELL_CHAOS_SECONDS:-1200} cargo test --test kafka chaos -- --nocapture

fuzz: ## hostile bytes for everything that reads them, a minute for each of six readers (UPSWELL_FUZZ_SECONDS=600 for longer)
	@tests/tools/setup build
	UPSWELL_FUZZ_SECONDS=$${UPSWELL_FUZZ_SECONDS:-60} cargo test --release --test fuzz -- --nocapture --test-threads=2

sim: ## ten thousand seeds of the simulation: crashes, damage, rebalances and outages, a thread for each core
	@tests/tools/setup build
	UPSWELL_SIM_SEEDS=$${UPSWELL_SIM_SEEDS:-10000} cargo test --release --test sim -- --nocapture $(ARGS)

fmt: ## format the code
	cargo fmt --all

lint: ## formatting and clippy, warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

doc: ## the code's documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

deny: ## licences, bans and sources of the dependencies
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check licenses bans sources

advisories: ## known vulnerabilities of the dependencies (fetches the RustSec database)
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check advisories

.PHONY: sbom
sbom: ## what the binary is made of, as a CycloneDX document (target/upswell.cdx.json)
	@cargo cyclonedx --version >/dev/null 2>&1 || cargo install --locked cargo-cyclonedx
	cargo cyclonedx -q --describe binaries --format json --spec-version 1.5 --no-build-deps
	@mkdir -p target
	mv upswell_bin.cdx.json target/upswell.cdx.json

bench: setup ## benchmarks, those of bench-e2e at their smallest
	cargo bench $(ARGS)

bench-e2e: setup ## end to end on a real broker, against a consumer that drops what it reads (ARGS="--events 500000 --rounds 1")
	cargo bench --bench e2e -- throughput $(ARGS)

bench-latency: setup ## from an event produced to the figure that shows it, at 10,000 events a second
	cargo bench --bench e2e -- latency $(ARGS)

flame: setup ## where the service spends its time while it catches up, into docs/flame.svg; needs perf and inferno
	benches/e2e/flame $(ARGS)

bench-peers: setup ## the same records through Kafka Streams and Flink; needs Java 17 and Maven
	@mvn --version >/dev/null 2>&1 || { echo "install Java 17 and Maven: apt-get install openjdk-17-jdk-headless maven"; exit 1; }
	for peer in kafka-streams flink; do mvn -q -B -f benches/peers/$$peer/pom.xml package || exit 1; done
	cargo bench --bench e2e -- peers $(ARGS)

bench-growth: ## how the engine's costs grow up to ten million accounts: a table, and docs/growth.svg (ACCOUNTS=100000,300000 for less)
	@tests/tools/setup build
	ACCOUNTS=$${ACCOUNTS:-100000,300000,1000000,3000000,10000000} SVG=docs/growth.svg cargo bench --bench growth

mutants: ## breaks money, calendar, figures and offsets in every place, one at a time, and asks the tests (over an hour; ARGS=--iterate)
	@tests/tools/setup build
	tests/tools/mutants core $(ARGS)
	tests/tools/mutants offsets $(ARGS)

planted: ## mistakes made by hand in how views move, each of which the simulation has to notice (half an hour)
	@tests/tools/setup build
	tests/tools/mutants planted

setup: ## everything the tests need: packages and real parts
	@tests/tools/setup test

real-parts: setup ## how to start a real broker, registry, Prometheus or Alertmanager by hand
	@tests/tools/real help

clean: ## what was built and downloaded
	cargo clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
