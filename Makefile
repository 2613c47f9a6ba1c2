# SPDX-License-Identifier: GPL-3.0-or-later
# A thin face of tools/ and Meson: `make run`, `make run SANDBOX=1`, `make check`.
BUILD ?= build
CHECK_BUILD ?= build-check

.PHONY: build run check clean

build:
	@tools/configure.sh $(BUILD)
	@ninja -C $(BUILD)

run:
	@tools/install-packages.sh
	@tools/run.sh $(BUILD) $(if $(SANDBOX),--sandbox) $(if $(ONCE),--once)

check:
	@tools/install-packages.sh --tests
	@tools/configure.sh $(CHECK_BUILD) -Dprofile=development -Db_sanitize=address,undefined --werror
	@/usr/bin/python3 tools/run-tests.py $(CHECK_BUILD) $(TESTS)

clean:
	rm -rf $(BUILD) $(CHECK_BUILD)
