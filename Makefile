# Every target is one line; the work is in scripts/.
.DEFAULT_GOAL := help
.PHONY: help dev test faults check contract bench bench-http services-up services-down migrate queries queries-check clean

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: ## run everything for development (PORT=8001 make dev for another port); Ctrl-C stops it
	@exec scripts/dev

test: ## run the whole test suite on throwaway services (make test ARGS=PATTERN for a part)
	@exec scripts/test -- $(ARGS)

faults: ## break servers and processes, and write what held into docs/reliability.md
	@exec scripts/faults

check: ## formatting, lints, documentation; dependencies, spelling and scripts if the tools are there
	@exec scripts/check

bench: ## run the benchmarks on throwaway services (make bench ARGS=--help)
	@exec scripts/bench -- $(ARGS)

bench-http: ## measure the HTTP API against bare handlers (make bench-http ARGS=--help)
	@exec scripts/bench-http -- $(ARGS)

contract: ## try the running API against its OpenAPI description with Schemathesis
	@exec scripts/contract -- $(ARGS)

services-up: ## start the development PostgreSQL and Redis alone (scripts/services env dev says where)
	@exec scripts/services up dev

services-down: ## stop them; their data stays
	@exec scripts/services down dev

migrate: ## bring the development database to the newest migration
	@exec scripts/migrate up

queries: ## describe the SQL queries anew in .sqlx, after a change of a query or a migration
	@exec scripts/prepare-queries

queries-check: ## compare .sqlx with the queries
	@exec scripts/prepare-queries --check

clean: ## remove what was built, and the development database with all its data
	@exec scripts/clean
