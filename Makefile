# `make up` and `make test` are what one needs. Each line is what it says.

PDEX := target/release/pdex

.PHONY: up test test-stack test-production test-monitoring test-drill test-validate-100 mutate-rules bench-ready simulate lint bench-up bench-etl bench-ml audit-compare test-model test-contract bench-api bench-load pictures dist dist-check prerequisites test-backup bench-scale test-export test-swarm test-dist

up: prerequisites         ## install what is missing, build pdex, start the stack
	cargo build --release --locked
	$(PDEX) up

test:                     ## every test that needs no running stack: Rust, PostgreSQL, Python, Prometheus rules
	stack/prerequisites.sh test
	services/trainer/libxgboost.sh >/dev/null
	tests/python.sh
	prometheus/check.sh
	tests/with-postgres.sh cargo test --workspace --locked

test-stack:               ## hostile definitions on the release build, then the whole stack on this machine's Docker, removed afterwards
	stack/prerequisites.sh up
	stack/prerequisites.sh browser
	cargo build --release --locked
	PDEX_TEST_PROGRAM=$(PDEX) cargo test --locked --test definition_hostile -- --nocapture
	PDEX_TEST_STACK=1 cargo test --locked --test stack -- --nocapture
	cargo test --locked --no-run --test contract --test faults
	@# Both wait for the engine most of the time, each under names of its own.
	mkdir -p target && { PDEX_TEST_DOCKER=1 cargo test --locked --test contract >target/contract.log 2>&1 & contract=$$!; \
		PDEX_TEST_DOCKER=1 cargo test --locked --test faults; faults=$$?; wait $$contract; contract=$$?; \
		cat target/contract.log; [ $$faults = 0 ] && [ $$contract = 0 ]; }

test-backup:              ## backups and restores on this machine's Docker: volumes, a real PostgreSQL, kills, disks, passwords; removed afterwards
	stack/prerequisites.sh up
	PDEX_TEST_KILLS=12 PDEX_TEST_DOCKER=1 cargo test --locked --test faults -- --nocapture backup:: database::

test-production:          ## the production profile on this machine's Docker: what must be refused is refused from inside; removed afterwards
	stack/prerequisites.sh up
	PDEX_TEST_PRODUCTION=1 cargo test --locked --test production -- --nocapture

test-export:              ## what `pdex export kubernetes` writes: schemas of two versions, kubectl, a linter (two minutes, the first time more)
	stack/prerequisites.sh test
	stack/prerequisites.sh export
	cargo build --locked -p pdex -p etl
	tests/with-postgres.sh tests/export/done.sh target/debug/pdex
	tests/export/validate.sh target/debug/pdex

test-swarm:               ## pdex on swarms of private engines in networks of their own, on this machine, as root; removed afterwards
	stack/prerequisites.sh up
	PDEX_TEST_SWARM=1 cargo test --locked --test swarm -- --test-threads=1 --nocapture
	tests/swarm/contract.sh

test-contract:            ## the running API against its own OpenAPI document and promtool (schemathesis, 300 examples, with and without a key)
	stack/prerequisites.sh test
	tests/with-postgres.sh services/api/tests/contract.sh

test-monitoring:          ## API, Prometheus and node-exporter under load: rules, alerts and every query of every dashboard (four minutes)
	stack/prerequisites.sh test
	tests/with-postgres.sh tests/monitoring/run.sh

test-drill:               ## every alert drilled on this machine's Docker, with short windows, an interrupted and a killed drill; removed afterwards (minutes)
	stack/prerequisites.sh up
	PDEX_TEST_DRILL=1 cargo test --locked --test drill -- --nocapture

test-validate-100:        ## 100 validations of the running stack, none of which may give a false alarm (minutes)
	cargo build --release --locked
	tests/validate-100.sh $(PDEX)

mutate-rules:             ## every Prometheus rule changed in every place, to see that the rules' tests notice (minutes)
	prometheus/check.sh mutate

simulate:                 ## the engine on 100,000 random stacks with random faults, seeded with the commit
	PDEX_SEEDS=$${PDEX_SEEDS:-100000} PDEX_SEED=$${PDEX_SEED:-$$(git rev-parse --short=12 HEAD)} \
		cargo test --profile simulation --locked --test simulation

bench-ready:              ## 1,000 starts of a service that answers, goes away and comes back: how many are called ready too soon
	PDEX_TEST_DOCKER=1 PDEX_TEST_STARTS=1000 cargo test --locked --test faults ready:: -- --nocapture

lint:                     ## formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

bench-up:                 ## pdex beside docker compose 2 and 1: start-up time, CPU, memory (80 minutes; wants a machine that does nothing else)
	stack/prerequisites.sh up
	stack/prerequisites.sh bench
	cargo build --profile shipped --locked
	python3 bench --pdex target/shipped/pdex

bench-etl:                ## the ETL's targets with pass or fail, and its loading beside SQLAlchemy row by row (three minutes)
	stack/prerequisites.sh test
	cargo build --release --locked -p etl
	python3 -m venv target/bench-etl && target/bench-etl/bin/pip install --quiet sqlalchemy psycopg2-binary
	tests/with-postgres.sh target/bench-etl/bin/python bench/etl

bench-ml:                 ## battles, data set, training and model beside the targets and beside Python's XGBoost (ten minutes)
	stack/prerequisites.sh test
	services/trainer/libxgboost.sh >/dev/null
	cargo build --release --locked -p trainer
	python3 -m venv target/bench-ml && target/bench-ml/bin/pip install --quiet xgboost-cpu==3.2.0 pyarrow
	target/bench-ml/bin/python bench/ml

audit-compare:            ## pdex audit beside PyPI's compose-lint on 20 definitions; its documents against CycloneDX's schema and a SARIF model (one minute)
	cargo build --release --locked
	python3 -m venv target/audit && target/audit/bin/pip install --quiet compose-lint==0.36.2 'cyclonedx-python-lib[json-validation]==11.12.0' sarif-pydantic==0.6.2
	target/audit/bin/python tests/audit/formats.py --pdex $(PDEX)
	target/audit/bin/python tests/audit/compare.py --pdex $(PDEX) --compose-lint target/audit/bin/compose-lint

test-model:               ## a training in a real MLflow server, loaded and checked by Python's own MLflow and XGBoost
	stack/prerequisites.sh test
	services/trainer/libxgboost.sh >/dev/null
	cargo build --release --locked -p trainer
	services/trainer/tests/python/run.sh

bench-api:                ## the API's targets with pass or fail, beside FastAPI + xgboost and an empty axum handler (five minutes after building; BENCH="--minutes 10" watches its memory instead)
	stack/prerequisites.sh bench-api
	services/trainer/libxgboost.sh >/dev/null
	cargo build --release --locked -p etl -p trainer
	cargo build --release --locked -p api -p dex --examples
	cargo rustc --release --locked -p api --bin pdex-api -- -C target-feature=+crt-static
	python3 -m venv target/bench-api && target/bench-api/bin/pip install --quiet fastapi uvicorn uvloop httptools orjson xgboost-cpu==3.2.0 numpy
	tests/with-postgres.sh bench/api/run.sh target/bench-api/bin/python $(BENCH)

bench-load:               ## the load generator's targets with pass or fail, beside oha and wrk against a static nginx (five minutes after building; BENCH="--minutes 10" watches its memory instead)
	stack/prerequisites.sh bench-load
	cargo build --release --locked
	bench/load/run.sh $(BENCH)

pictures:                 ## the README's pictures of a load: the page and the live view of a real run on the API (two minutes after building)
	stack/prerequisites.sh test
	stack/prerequisites.sh browser
	cargo build --release --locked -p pdex -p api -p etl
	cargo build --release --locked -p dex --examples
	PDEX_BIN=$(CURDIR)/target/release tests/with-postgres.sh tests/with-api.sh tests/pictures/load.py docs/pictures

bench-scale:              ## what one API brings along: series, bytes of a prediction, connections, size of the database (a minute after building)
	stack/prerequisites.sh test
	tests/with-postgres.sh tests/with-api.sh python3 bench/scale.py

dist:                     ## the release in target/dist: one static program that carries the stack, completions, manual pages, checksums
	stack/release.sh

test-dist: dist           ## the release in an empty folder on this machine's engine, which has the images, and on one that had nothing (minutes); as root
	tests/dist.sh $$(echo target/dist/pdex-*/pdex)

dist-check:               ## the release built twice, in two folders: the same bytes
	stack/release.sh check

prerequisites:
	stack/prerequisites.sh up
