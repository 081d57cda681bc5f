# What people type. `make` alone says what there is.

CARGO ?= cargo
WEIR = target/debug/weir
WEB_SOURCES = $(shell find web-client/src web-client/console web-client/privacy -type f 2>/dev/null) \
	web-client/vite.config.ts $(wildcard web-client/tsconfig*.json)
WEB_PAGES = web-client/dist/console/index.html

.DEFAULT_GOAL := help
.PHONY: help run build release web test lint fmt openapi bench deny tools clean

help: ## Say what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

run: build ## Build and start weir on 127.0.0.1:8080, with its data in ./weir-data
	@exec $(WEIR) serve

# Not optimised: it is there in a third of the time, and fast enough to look around. `make release` is for work.
build: tools web ## Build for development
	$(CARGO) build --locked -p weir

release: tools web ## Build for work: target/release/weir
	$(CARGO) build --locked --release -p weir

web: $(WEB_PAGES) ## Build the pages that the binary carries

web-client/node_modules/.package-lock.json: web-client/package.json web-client/package-lock.json
	cd web-client && npm ci --no-audit --no-fund
	@touch $@

$(WEB_PAGES): web-client/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web-client && npm run build
	@touch $@

test: tools ## Install what the tests need, check and test everything
	.ci/test

lint: tools web ## Formatting, lints, documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps
	cd web-client && npm run check

fmt: ## Format the code
	$(CARGO) fmt --all

openapi: build ## Write the API's description and the client's types
	$(WEIR) openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json
	cd web-client && npm run generate

bench: tools web ## Measure what we claim about speed
	$(CARGO) build --locked --release -p weir -p bench
	$(CARGO) run --locked --release -p bench

deny: ## Check licences, banned crates and sources of dependencies
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check bans licenses sources

tools:
	@.ci/tools build

clean: ## Remove everything that was built; data stay
	$(CARGO) clean
	rm -rf web-client/dist web-client/node_modules
