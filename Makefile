# What people and CI run; `make help` lists it.
.PHONY: help check test nats bench demo fmt
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

check: ## Check format, lints and documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy -p universe -p universe-service --features universe/nats --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --document-private-items

test: ## Run all tests on private PostgreSQL and Redis servers, installing those where missing
	scripts/install-test-servers.sh
	cargo run --quiet --locked --bin with-servers -- scripts/run-tests.sh

nats: ## Run the tests of the optional feature nats, on private NATS servers
	cargo test --locked -p universe-service --features nats --test nats

bench: ## Measure runs beside the same rows in plain SQL, and lookups beside Redis
	scripts/install-test-servers.sh
	cargo run --quiet --locked --bin with-servers -- cargo bench --locked -p universe-service --bench sync
	cargo run --quiet --locked --bin with-servers -- cargo bench --locked -p universe --bench lookups
	cargo run --quiet --locked --bin with-servers -- cargo bench --locked -p universe --bench maintenance
	cargo run --quiet --locked --bin with-servers -- cargo bench --locked -p universe --bench time_machine

demo: ## Simulate a month of sessions and show what it did
	cargo run --release --locked -- demo

fmt: ## Format the sources
	cargo fmt --all
