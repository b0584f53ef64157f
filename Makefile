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
fuzz:
	test -d build-fuzz || CC=clang $(MESON) setup build-fuzz -Dfuzz=true \
	    -Dbuildtype=debugoptimized -Db_sanitize=address,undefined \
	    -Dc_args=-fsanitize=fuzzer-no-link
	$(NINJA) -C build-fuzz
	for t in build-fuzz/tests/fuzz/fuzz-*; do \
	    test -x $$t -a -f $$t || continue; \
	    name=$${t##*/fuzz-}; mkdir -p build-fuzz/found/$$name; \
	    echo "$$name"; $$t -max_total_time=$(SECONDS) -print_final_stats=1 \
	        -artifact_prefix=build-fuzz/found/ build-fuzz/found/$$name \
	        tests/fuzz/corpus/$$name 2>build-fuzz/found/$$name.log || \
	        { tail -30 build-fuzz/found/$$name.log; exit 1; }; \
	done

sanitize:
	test -d build-asan || $(MESON) setup build-asan -Dbuildtype=debug \
	    -Db_sanitize=address,undefined
	$(MESON) test -C build-asan --no-suite crash --print-errorlogs

install: all
	$(MESON) install -C $(BUILD) --no-rebuild

# Only lines that no commit holds yet: tables are aligned by hand, and stay so.
format:
	git clang-format --extensions c,h HEAD

clean:
	rm -rf build build-clang build-asan build-hooks build-fuzz

.PHONY: all run test bench fuzz sanitize install format clean
