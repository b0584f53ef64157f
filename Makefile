# Short names for what Meson and the scripts in tools/ do.
BUILD ?= build
MESON ?= meson
NINJA ?= ninja

all: $(BUILD)/build.ninja
	$(NINJA) -C $(BUILD)

$(BUILD)/build.ninja:
	$(MESON) setup $(BUILD)

run:
	tools/run

test:
	tools/test

bench: $(BUILD)/build.ninja
	$(MESON) configure $(BUILD) -Dtests=true
	$(NINJA) -C $(BUILD)
	tests/bench/run $(BENCH)

# Every target for SECONDS each; findings are left in build-fuzz/.
SECONDS ?= 30
FUZZED = $(notdir $(wildcard tests/fuzz/corpus/*))
fuzz:
	test -f build-fuzz/build.ninja || CC=clang $(MESON) setup build-fuzz \
	    -Dfuzz=true -Dbuildtype=debugoptimized \
	    -Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link
	$(NINJA) -C build-fuzz $(FUZZED:%=tests/fuzz/fuzz-%)
	@for name in $(FUZZED); do \
	    found=build-fuzz/found/$$name; mkdir -p $$found; \
	    build-fuzz/tests/fuzz/fuzz-$$name -max_total_time=$(SECONDS) \
	        -print_final_stats=1 -artifact_prefix=$$found- $$found \
	        tests/fuzz/corpus/$$name 2>$$found.log || \
	        { tail -n 30 $$found.log; \
	          echo "$$name: FOUND: `ls $$found-*`"; exit 1; }; \
	    sed -n "s/^stat::number_of_executed_units: */$$name: clean, runs: /p" \
	        $$found.log; \
	done

sanitize:
	test -f build-asan/build.ninja || $(MESON) setup build-asan -Dbuildtype=debug \
	    -Db_sanitize=address,undefined -Dtest_hooks=true
	$(MESON) test -C build-asan --no-suite crash --print-errorlogs

install: all
	$(MESON) install -C $(BUILD) --no-rebuild

# Only lines that no commit holds yet: tables are aligned by hand, and stay so.
format:
	git clang-format --extensions c,h HEAD

clean:
	rm -rf build build-clang build-asan build-hooks build-fuzz

.PHONY: all run test bench fuzz sanitize install format clean
