# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: docs docs-pages demo prepare test lint types lock audit long server-hapi bench bench-all bench-core bench-gaps bench-front-door bench-smoke mutants long-garble clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

$(VENV)/.extras: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[spark,postgres]" --group browser
	touch $@

prepare: $(VENV)/.extras build/tools/.installed build/cql/.installed  ## what lanes need besides, before any two run at once

demo: $(VENV)/.installed  ## the main job on the embedded server
	$(BIN)/fhir-remission demo

test: $(VENV)/.installed  ## the fast tests: no Java, no network
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.installed
	$(BIN)/ruff format --check fhir_remission tests
	$(BIN)/ruff check fhir_remission tests

types: $(VENV)/.installed
	$(BIN)/mypy
	@echo "Any:     $$(grep -rnw Any --include=*.py fhir_remission | grep -vc import) uses"
	@echo "ignores: $$(grep -rnE 'type: ignore|noqa' --include=*.py fhir_remission | wc -l)"

server-hapi: $(VENV)/.installed  ## a real HAPI FHIR on loopback; PORT=0 takes a free one
	$(BIN)/python -m tests.servers.hapi_server --port $(or $(PORT),0)

lane-sekmet: $(VENV)/.installed  ## contract and end-to-end suites on sekmet-fhir
	FHIR_REMISSION_SEKMET=1 $(BIN)/python -m pytest -m server \
		tests/servers tests/effects/test_smart_sekmet.py tests/archive/test_bulk_sekmet.py

lane-hapi: $(VENV)/.installed  ## the same on HAPI FHIR; needs a JDK 17 and Maven
	FHIR_REMISSION_HAPI=1 $(BIN)/python -m pytest tests/servers -m server

lane-service: $(VENV)/.installed  ## the HTTP contract, CDS Hooks, and HAPI's Subscriptions end to end; needs a JDK 17 and Maven
	$(BIN)/python -m pytest tests/service
	FHIR_REMISSION_SUBSCRIPTIONS=1 $(BIN)/python -m pytest tests/servers/test_subscriptions.py -m server

lane-engines: $(VENV)/.installed  ## the recipes of deploy/engines on Camel, NiFi and Node-RED; needs a JDK 17, Maven, Node
	FHIR_REMISSION_ENGINES=1 $(BIN)/python -m pytest tests/engines -m server

lane-matrix: $(VENV)/.installed  ## every persona with every fault, at one of its moments
	$(BIN)/python -m tests.matrix.run

long-matrix: $(VENV)/.installed  ## the same at every kind of moment, 10 min
	$(BIN)/python -m tests.matrix.run --everywhere

lane-fuzz: $(VENV)/.installed  ## readers of pages, Observations and settings, 60 s each
	$(BIN)/python -m tests.fuzz.run --seconds 60

lane-validators: $(VENV)/.installed  ## HL7's validator and pyrofile on everything a run writes
	rm -rf build/produced
	$(BIN)/python -m tests.validators.produce build/produced
	FHIR_REMISSION_VALIDATORS=1 FHIR_REMISSION_PRODUCED=build/produced \
		$(BIN)/python -m pytest tests/validators

lane-cql: build/cql/.installed  ## exported libraries on cql-execution and the JVM's engine beside the core; needs a JDK 17, Maven, Node
	$(BIN)/python -m tests.cql.lane --patients 10
	$(BIN)/python -m tests.cql.lane --patients 30 --jvm 100 --no-node --sets ours-2026

long-cql: build/cql/.installed  ## 5 000 courses of each set on both engines; an hour
	nice $(BIN)/python -m tests.cql.lane --patients 5000 --jvm -1

build/cql/.installed: $(VENV)/.installed tests/cql/pom.xml tests/cql/CqlLane.java
	$(BIN)/python -m tests.cql.engines build/cql
	touch $@

lane-hostile: $(VENV)/.installed  ## every drip against every command, and attacks that take long
	$(BIN)/python -m pytest tests/hostile -m long -s

lane-spark: $(VENV)/.extras  ## the archive job on local[2]; needs a JDK 17
	FHIR_REMISSION_SPARK=1 $(BIN)/python -m pytest tests/archive/test_spark.py -W default

lane-crash: $(VENV)/.installed  ## real processes killed at 30 named points, then run again
	$(BIN)/python -m tests.crash.kill_points --points 30

lane-postgres: $(VENV)/.extras  ## the state in PostgreSQL; needs Debian's postgresql
	bash tests/effects/postgres.sh $(BIN)/python -m pytest tests/effects/test_state.py
	bash tests/effects/postgres.sh sh -c \
		'$(BIN)/python -m tests.crash.kill_points --points 9 --postgres "$$FHIR_REMISSION_IT_POSTGRES"'

lane-browser: $(VENV)/.extras  ## pages in Chromium: axe, keyboard, print, greyscale, attacks; needs Node
	bash tests/report/browser.sh $(BIN)/python -m pytest tests/report/test_browser.py -m long

docs-screens: $(VENV)/.extras  ## docs/pictures/pages: six courses as pictures, to be looked at after a change
	bash tests/report/browser.sh $(BIN)/python -m tests.report.screens docs/pictures/pages

bench-report: $(VENV)/.installed  ## time and weight of a page of 200 results, and whether bytes are equal
	$(BIN)/python -m tests.bench.report

bench-write-back: $(VENV)/.installed  ## requests of write-back beside posting everything
	$(BIN)/python -m tests.bench.write_back

# helm and helm-unittest come as sources through the Go proxy, which checks their sums.
HELM := build/go/bin/helm
$(HELM):
	mkdir -p build/go/bin
	GOBIN=$(CURDIR)/build/go/bin go install helm.sh/helm/v3/cmd/helm@v3.19.0
build/go/bin/untt: $(HELM)
	rm -rf build/go/unittest && mkdir -p build/go
	cp -r "$$(go mod download -json github.com/helm-unittest/helm-unittest@v1.0.3 | sed -n 's/^.*"Dir": "\(.*\)",$$/\1/p')" build/go/unittest
	chmod -R u+w build/go/unittest
	cd build/go/unittest && go build -o ../bin/untt ./cmd/helm-unittest
build/go/bin/actionlint:
	mkdir -p build/go/bin
	GOBIN=$(CURDIR)/build/go/bin go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7

lane-chart: $(VENV)/.installed build/tools/.installed build/go/bin/untt  ## the chart: lint, tests, schemas; needs Go
	PYTHON=$(BIN)/python bash tests/lanes/chart.sh $(HELM) build/go/bin/untt build/tools/bin/kubernetes-validate $(BIN)/fhir-remission

long-chart: $(VENV)/.installed $(HELM)  ## the chart's objects on a real kube-apiserver; needs Go and etcd-server, a quarter of an hour once
	bash tests/lanes/long_chart.sh $(BIN)/python $(HELM)

lane-image: $(VENV)/.installed build/tools/.installed  ## the image, built and really run; needs Debian's buildah and podman
	bash tests/lanes/image.sh $(CURDIR)/$(BIN)/python build/tools/bin/hadolint $(CURDIR)/build/tools/bin/cyclonedx-py

lane-release: build/tools/.installed build/go/bin/actionlint  ## what `make release` makes, and the workflows that publish it
	build/go/bin/actionlint -shellcheck= .github/workflows/*.yml
	bash tests/lanes/release.sh $(CURDIR)/build/tools/bin $(CURDIR)/build/release

release: build/tools/.installed  ## sdist and wheel, the same bytes twice, checked, with sums and provenance, in dist/
	bash tests/lanes/release.sh $(CURDIR)/build/tools/bin $(CURDIR)/dist

lane-units: $(VENV)/.installed  ## the systemd files of `install`: verified, and how exposed they are
	bash tests/lanes/units.sh $(CURDIR)/$(BIN)/fhir-remission

lane-wheel: $(VENV)/.installed build/tools/.installed  ## the built wheel with what is locked, away from the checkout; its SBOM
	bash tests/wheel.sh $(PYTHON) $(CURDIR)/build/tools/bin/cyclonedx-py $(CURDIR)/dist

docs-pages: $(VENV)/.installed  ## the pages that are made from the code, into docs/
	$(BIN)/python -m tests.docs.generate

docs: build/docs/.installed  ## the site of docs/, in build/site; every warning is a fault
	NO_MKDOCS_2_WARNING=1 build/docs/bin/mkdocs build --strict --quiet
	@echo "build/site/index.html: $$(find build/site -name '*.html' | wc -l) pages, $$(du -sh build/site | cut -f1)"

build/docs/.installed: pyproject.toml
	$(PYTHON) -m venv build/docs
	build/docs/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	build/docs/bin/python -m pip install --quiet --group docs
	touch $@

lane-pythons: $(VENV)/.installed  ## the front door, the cases and the demo on the other Pythons of this machine
	bash tests/pythons.sh build/pythons

build/tools/.installed: pyproject.toml
	$(PYTHON) -m venv build/tools
	build/tools/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	build/tools/bin/python -m pip install --quiet --group lock
	touch $@

# What is younger than six weeks waits: a release that somebody stole is found by then.
lock: build/tools/.installed  ## deploy/: the versions, hashes and licences of what is deployed
	build/tools/bin/uv pip compile pyproject.toml --extra postgres --extra service --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --upgrade --quiet --custom-compile-command "make lock" \
		--exclude-newer "$$(date -u -d '6 weeks ago' +%FT00:00:00Z)" -o deploy/requirements.txt
	rm -rf build/locked && $(PYTHON) -m venv build/locked
	build/locked/bin/python -m pip install --quiet --require-hashes -r deploy/requirements.txt
	bash deploy/third-party.sh build/tools/bin/pip-licenses build/locked/bin/python > deploy/third-party.md

audit: build/tools/.installed  ## known faults in what is deployed; asks the advisories of PyPI
	build/tools/bin/pip-audit --require-hashes --disable-pip --strict -r deploy/requirements.txt

bench: $(VENV)/.installed  ## the table of ratios; g++ and libsimdjson-dev for the floor
	$(BIN)/python -m tests.bench.run 100k 1m --naive
	$(BIN)/python -m tests.bench.reading

bench-reading: $(VENV)/.installed  ## idle requests, a first read, a page: beside the least possible
	$(BIN)/python -m tests.bench.reading

# polars and cql-execution are peers of the bench and nothing else: no test or command needs them.
bench-all: $(VENV)/.extras  ## also 5 M, Spark (JDK 17), polars, cql-execution (Node 20)
	$(BIN)/python -m pip install --quiet "polars>=1.30"
	npm install --silent --no-fund --no-audit --prefix build/bench/cql \
		cql-execution@3.3.2 cql-exec-fhir@2.2.0
	$(BIN)/python -m tests.bench.run 20k 100k 1m 5m --all

bench-smoke: $(VENV)/.installed  ## wrong answers fail, time never does
	$(BIN)/python -m tests.bench.run --smoke
	$(BIN)/python -m tests.bench.reading --patients 100 --pages 10 --rounds 1

bench-core: $(VENV)/.installed  ## judging one patient with 20, 200 and 2 000 results
	$(BIN)/python -m tests.bench.core

bench-gaps: $(VENV)/.installed  ## 5 to 500 marrows that lack something: time, peak memory, evidence
	$(BIN)/python -m tests.bench.gaps

bench-front-door: $(VENV)/.installed  ## 1 000 calls from Python beside BEFORE=commit, and start-up
	$(BIN)/python -m tests.bench.front_door $(BEFORE)

same-output: $(VENV)/.installed  ## every command over fixtures/, byte for byte as at BASE=commit
	$(BIN)/python -m tests.same_output.compare $(BASE)

mutants: $(VENV)/.installed  ## changed lines of the domain that no test notices; hours
	$(BIN)/python -m pip install --quiet --group mutants
	nice $(BIN)/python -m tests.mutants.run $(MODULES)

bench-service: $(VENV)/.installed  ## the service beside the judge in a loop: rates, latencies, memory
	$(BIN)/python -m tests.bench.service 20000

long-service: $(VENV)/.installed  ## 24 000 requests of clients that drip, vanish and send rubbish
	$(BIN)/python -m tests.service.hostile_clients 24000

long-writes: $(VENV)/.installed  ## 10 000 schedules of everybody who can meet our results; hours
	$(BIN)/python -m pytest -m long -s tests/crash/test_owners.py

long: $(VENV)/.installed  ## what does not fit into .ci/run: run it before a release
	FHIR_REMISSION_SEARCH=1 $(BIN)/python -m pytest -m "long or hypothesis" -s
	$(BIN)/python -m tests.fuzz.run --seconds 600
	$(BIN)/python -m tests.lives.soak --runs 200

long-soak: $(VENV)/.installed  ## 200 runs of a site whose data change, whose server fails, whose clocks jump
	nice $(BIN)/python -m tests.lives.soak --runs 200

# In slices: SEED=500000 ANCHORS=20000 CHECKS=0 TWINS=0 runs a part of it, from another seed on.
ANCHORS ?= 200000
CHECKS ?= 1000000
TWINS ?= 20000
DENSE ?= 5000
SEED ?= 1
long-course: $(VENV)/.installed  ## containment, P1 to P3 and the SQL twin on courses nobody has seen; hours
	nice $(BIN)/python -m tests.domain.search_courses --anchors $(ANCHORS) --checks $(CHECKS) --seed $(SEED)
	nice $(BIN)/python -m tests.domain.search_courses --anchors $(DENSE) --checks 0 --seed $(SEED) --dense
	nice $(BIN)/python -m tests.domain.search_courses --anchors $(DENSE) --checks 0 --seed $(SEED) --blurred
	for set in eln-2017 iwg-2003 healthtree-2024 pediatric-2012 cibmtr-aml; do nice $(BIN)/python -m tests.domain.search_courses --anchors $(DENSE) --checks 0 --seed $(SEED) --criteria $$set || exit 1; done
	nice $(BIN)/python -m tests.twin.compare --patients $(TWINS) --seed $(SEED)

long-garble: $(VENV)/.installed  ## one thing broken at a time, 240 000 times: nothing may rise
	$(BIN)/python -m tests.garble.run --tries 200000 --seed 10000000
	$(BIN)/python -m tests.garble.run --tries 20000 --seed 20000000 --through archive
	$(BIN)/python -m tests.garble.run --tries 20000 --seed 30000000 --through sync

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
