# make run: everything it takes to see a page. make test: everything it takes to trust a change.
.POSIX:
.NOTPARALLEL:
.PHONY: run demo test check kills alert-kills alert-delay outage away storms fuzz bench images-proof migrate-kills rig rollups-proof lock assets \
	venv dev clean

PYTHON = .venv/bin/python
LOCK = $(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --upgrade
SUITES = tests/unit tests/integration tests/acceptance tests/browser

run: venv assets
	@exec .venv/bin/ntp-checker up

demo: venv assets
	@exec .venv/bin/ntp-checker demo

venv:
	@scripts/prepare_venv.sh run

dev:
	@scripts/prepare_venv.sh dev

# After venv or dev, whichever came: it needs a Python, no package.
assets: venv
	@$(PYTHON) scripts/build_assets.py

check: dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(PYTHON) -m pytest -q tests/unit/test_imports.py
	@PATH="$$PWD/.venv/bin:$$PATH" scripts/check_files.sh
	$(PYTHON) -m scripts.check_manifests
	scripts/check_prometheus.sh

# Many tests wait for a daemon: four at a time keep two cores busy, and none starve. A file's tests stay together.
test: dev assets check
	$(PYTHON) -m tests.rig.fetch
	$(PYTHON) -m pytest -n 4 --dist loadfile $$(for suite in $(SUITES); do if [ -d $$suite ]; then echo $$suite; fi; done)

# The checker killed 50 times at random instants; `make test` does it 8 times.
kills: dev
	NTP_CHECKER_KILLS=50 $(PYTHON) -m pytest -q -rP --timeout 1200 tests/acceptance/test_kill.py

# The checker killed 200 times while 1,000 alerts go out over a line that fails; `make test`: 10, 100.
alert-kills: dev
	NTP_CHECKER_ALERT_KILLS=200 NTP_CHECKER_ALERTS=1000 $(PYTHON) -m pytest -q -rP --timeout 7200 \
		tests/acceptance/test_alert_kills.py

# From a 0.25 s step to the mail, five times at an interval of 10 s; `make test` once at 1 s.
alert-delay: dev
	NTP_CHECKER_DELAY_INTERVAL_S=10 NTP_CHECKER_DELAY_STEPS=5 $(PYTHON) -m pytest -q -rP \
		tests/acceptance/test_alert_delay.py

# Fifty hosts at 1 s while the database is away for a minute; `make test` takes 10 s.
outage: dev
	NTP_CHECKER_OUTAGE_S=60 $(PYTHON) -m pytest -q -rP --timeout 600 tests/acceptance/test_load.py

# A clock breaks while the database is away, at 10 s and after a minute; `make test` has 1 s and 6 s.
away: dev
	NTP_CHECKER_AWAY_INTERVAL_S=10 $(PYTHON) -m pytest -q -rP tests/acceptance/test_database_away.py

# Each parser with 10,000 generated inputs; `make test` tries 300.
fuzz: dev
	NTP_CHECKER_FUZZ_EXAMPLES=10000 $(PYTHON) -m pytest -q --timeout 3600 tests/unit/test_*fuzz.py

bench: dev
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(PYTHON) "$$file" || exit 1; done

# 20 kills instead of the 5 that `make test` does; prints how many buckets differ.
rollups-proof: dev
	NTP_CHECKER_ROLLUP_KILLS=20 $(PYTHON) -m pytest -q -s tests/integration/test_rollups_proof.py

# 500 hosts at 10 s, and 10,000 transitions within a minute; `make test` takes 60 at 2 s. Prints the messages.
storms: dev
	NTP_CHECKER_STORM_HOSTS=500 NTP_CHECKER_STORM_INTERVAL_S=10 $(PYTHON) -m pytest -q -s --timeout 1200 \
		tests/integration/test_storms.py

# A migration killed 20 times at random instants; `make test` does it 5 times.
migrate-kills: dev
	NTP_CHECKER_MIGRATE_KILLS=20 $(PYTHON) -m pytest -q -rP --timeout 600 tests/acceptance/test_versions.py

# Both images built, held small and equal, and at work confined as in a hardened cluster. Root, on
# Debian, with buildah and mmdebstrap.
images-proof: dev
	$(PYTHON) -m pytest -q -s --timeout 900 tests/images

rig: dev
	@exec $(PYTHON) -m tests.rig

lock: dev
	$(PYTHON) -m pip install --quiet uv
	$(LOCK) pyproject.toml --extra embedded --group build -o requirements/run.txt
	$(LOCK) pyproject.toml --extra embedded --extra apprise --group build --group dev -c requirements/run.txt \
		-o requirements/dev.txt
	$(LOCK) pyproject.toml -c requirements/run.txt -o requirements/image.txt
	$(LOCK) pyproject.toml --extra apprise -c requirements/dev.txt -o requirements/image-apprise.txt
	$(LOCK) --group pyproject.toml:build -c requirements/run.txt -o requirements/build.txt
	$(LOCK) --group pyproject.toml:assets -o requirements/assets.txt
	echo 'checkov>=3.3' | $(LOCK) - -o requirements/checkov.txt
	printf 'pip-audit>=2.10\ncyclonedx-bom>=7.5\n' | $(LOCK) - -o requirements/audit.txt
	npm install --package-lock-only --ignore-scripts
	cd deploy/schemas && npm install --package-lock-only --ignore-scripts

clean:
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist \
		ntp_checker/web/static/vendor
