# The versions of PostgreSQL that `make demo` upgrades between.
FROM ?= 15
TO   ?= 18
# More arguments for the demo.
ARGS ?=
# How long `make torture` goes on; with TORTURE_SEED in the environment it plays that one round instead.
MINUTES ?= 30

# Where tools and servers are kept that this machine lacks (see scripts/get-postgres).
ifeq ($(shell id -u),0)
export PGTEAL_CACHE ?= /var/cache/pgteal
else
export PGTEAL_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pgteal
endif

GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT := $(PGTEAL_CACHE)/golangci-lint/$(GOLANGCI_LINT_VERSION)/golangci-lint

.DEFAULT_GOAL := help
.PHONY: help build demo test torture lint fmt docs bench clean

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/pgteal
	CGO_ENABLED=0 go build -trimpath -o bin/pgteal ./cmd/pgteal

demo: build ## Upgrade a running PostgreSQL under load (FROM=15 TO=18 ARGS=)
	scripts/get-postgres $(FROM) $(TO) pgbouncer
	bin/pgteal demo --from $(FROM) --to $(TO) $(ARGS)

test: ## Run all tests on real servers, with the race detector
	scripts/get-tools cc
	scripts/get-postgres 13 15 17 18 pgbouncer haproxy moto
	scripts/get-postgres 17 18 cron partman
	CGO_ENABLED=1 go test -race -timeout 40m ./...

torture: ## Try to break it: faults at random instants (MINUTES=30)
	scripts/get-tools cc
	scripts/get-postgres 15 18 pgbouncer
	CGO_ENABLED=1 TORTURE_MINUTES=$(MINUTES) go test -race -count=1 -v -timeout 24h ./test/torture

# Without cgo, linting needs no C compiler.
lint: $(GOLANGCI_LINT) ## Check the code and its formatting
	CGO_ENABLED=0 $(GOLANGCI_LINT) run

fmt: $(GOLANGCI_LINT) ## Format the code
	$(GOLANGCI_LINT) fmt

docs: build ## Write docs/checks.md from the checks themselves
	bin/pgteal check --explain > docs/checks.md

bench: ## Measure, on real servers
	scripts/get-postgres 15 18 pgbouncer haproxy
	go test -run '^$$' -bench . -benchtime 1x -timeout 60m ./...

clean: ## Remove what was built (servers stay in the cache)
	rm -rf bin

$(GOLANGCI_LINT):
	CGO_ENABLED=0 GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
