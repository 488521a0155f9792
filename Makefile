# SPDX-License-Identifier: Apache-2.0
# dumpleak - one Makefile, no configure step; everything it makes is under $(B).
# It never installs packages: ./setup does.

B       ?= build
CC      ?= cc
CLANG   ?= clang
PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?= -O2 -g
VERSION := 0.1.0

PKGS    := libkdumpfile zlib liblzma jansson smartcols
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes
STD     := -std=c11 -D_POSIX_C_SOURCE=200809L
PC_C    := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PC_L    := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
ALL_C    = $(STD) $(WARN) $(WERROR) -Iinclude -DDUMPLEAK_VERSION='"$(VERSION)"' $(PC_C) $(CFLAGS) $(SAN)
ALL_L    = $(LDFLAGS) $(SAN)
LIBS     = $(PC_L) -lpthread -lm

# one short line a step; V=1 shows the commands
ifeq ($(V),1)
STEP     =
else
STEP     = @printf '  %-5s %s\n' $(1) $@;
endif

LAYERS  := base container memory os pool mine report
LIB_SRC := $(foreach l,$(LAYERS),$(filter-out %_test.c,$(wildcard src/$(l)/*.c)))
CLI_SRC := $(filter-out %_test.c,$(wildcard src/cli/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(B)/%.o)
# the commands without main(), for the tests of the command line
CLI_LIB := $(B)/libcli.a
TESTS   := $(patsubst src/%.c,$(B)/test/%,$(wildcard src/*/*_test.c))

.PHONY: all demo check unit e2e asan fuzz bench fixtures golden tidy layers lint \
        install uninstall clean
all: $(B)/dumpleak

$(B)/dumpleak: $(CLI_OBJ) $(B)/libdumpleak.a
	$(call STEP,LINK)$(CC) $(ALL_L) -o $@ $(CLI_OBJ) $(B)/libdumpleak.a $(LIBS)

$(B)/libdumpleak.a: $(LIB_OBJ)
	$(call STEP,AR)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)

$(CLI_LIB): $(filter-out %/main.o,$(CLI_OBJ))
	$(call STEP,AR)rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call STEP,CC)$(CC) $(ALL_C) -MMD -MP -c -o $@ $<

demo: $(B)/dumpleak
	$(B)/dumpleak analyze fixtures/don-2004.dmp.gz

# --- tests -------------------------------------------------------------------
# src/LAYER/NAME_test.c beside NAME.c, one cmocka program each; tests/ from the
# outside: every generated dump against its truth, golden outputs, bad input.

$(B)/test/%_test: src/%_test.c $(CLI_LIB) $(B)/libdumpleak.a
	@mkdir -p $(@D)
	$(call STEP,TEST)$(CC) $(ALL_C) $(ALL_L) -MMD -MP -MF $@.d -o $@ $< $(CLI_LIB) $(B)/libdumpleak.a $(LIBS) -lcmocka
# A second opinion on address translation, for its test only.
$(B)/test/memory/addrxlat_test: LIBS += $(shell pkg-config --libs libaddrxlat 2>/dev/null)

unit: $(TESTS)
	@set -e; for t in $(TESTS); do $$t; done

$(B)/truth $(B)/jsonq $(B)/counters: $(B)/%: tests/%.c
	@mkdir -p $(@D)
	$(call STEP,CC)$(CC) $(ALL_C) $(ALL_L) -o $@ $< $(shell pkg-config --libs jansson)

e2e: $(B)/dumpleak $(B)/truth $(B)/jsonq $(B)/counters $(B)/fixtures/.small
	B=$(B) sh tests/run.sh

check: unit e2e layers lint

lint:
	@if command -v mandoc >/dev/null; then mandoc -Tlint -W warning man/dumpleak.1 && \
	 echo "lint: man page is clean"; else echo "lint: mandoc is missing, skipped"; fi

layers:
	@sh tools/layers.sh

asan:
	$(MAKE) B=$(B)-asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	 SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined' unit e2e

# --- generated dumps -----------------------------------------------------------

$(B)/gen: $(wildcard fixtures/gen/*.c) $(wildcard fixtures/gen/*.h)
	@mkdir -p $(@D)
	$(call STEP,GEN)$(CC) $(STD) $(WARN) -O2 -o $@ $(wildcard fixtures/gen/*.c) -lz

$(B)/fixtures/.small: $(B)/gen $(wildcard fixtures/specs/*.spec) tools/fixtures.sh
	B=$(B) sh tools/fixtures.sh small
	@touch $@

fixtures: $(B)/fixtures/.small
	B=$(B) sh tools/fixtures.sh full

golden: $(B)/dumpleak $(B)/jsonq $(B)/fixtures/.small
	B=$(B) sh tests/golden.sh --rewrite

$(B)/bench_paging $(B)/bench_index $(B)/bench_read: $(B)/%: tools/%.c $(B)/libdumpleak.a
	$(call STEP,BENCH)$(CC) $(ALL_C) $(ALL_L) -o $@ $< $(B)/libdumpleak.a $(LIBS) $(shell pkg-config --libs libaddrxlat 2>/dev/null)

bench: $(B)/dumpleak $(B)/gen $(B)/bench_paging $(B)/bench_index $(B)/bench_read
	B=$(B) sh tools/bench.sh

# --- fuzzing: one target per container and walker --------------------------------
FUZZ_SECONDS ?= 20
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZERS  := $(patsubst fuzz/%.c,$(B)/fuzz/%,$(wildcard fuzz/fuzz_*.c))

$(B)/fuzz/%: fuzz/%.c $(B)/libdumpleak.a
	@mkdir -p $(@D)
	$(call STEP,FUZZ)$(CC) $(ALL_C) -fsanitize=fuzzer -o $@ $< $(B)/libdumpleak.a $(LIBS)

.PHONY: fuzzers
fuzzers: $(FUZZERS)

fuzz:
	$(MAKE) B=$(B)-fuzz CC=$(CLANG) CFLAGS='-O1 -g' \
	 SAN='-fsanitize=fuzzer-no-link $(FUZZ_SAN)' fuzzers
	B=$(B)-fuzz SECONDS_EACH=$(FUZZ_SECONDS) sh tools/fuzz.sh

tidy:
	@ls $(LIB_SRC) $(CLI_SRC) fixtures/gen/*.c | \
	 xargs -P $$(getconf _NPROCESSORS_ONLN) -n 4 sh -c 'clang-tidy --quiet "$$@" -- $(STD) -Iinclude -DDUMPLEAK_VERSION=\"0\" $(PC_C) 2>/dev/null' sh && \
	 echo "tidy: clean"

# --- installation ----------------------------------------------------------------
install: $(B)/dumpleak
	install -D -m 755 $(B)/dumpleak $(DESTDIR)$(PREFIX)/bin/dumpleak
	install -D -m 644 man/dumpleak.1 $(DESTDIR)$(PREFIX)/share/man/man1/dumpleak.1
	install -D -m 644 completions/dumpleak.bash \
	 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/dumpleak

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/dumpleak $(DESTDIR)$(PREFIX)/share/man/man1/dumpleak.1 \
	 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/dumpleak

clean:
	rm -rf $(B) $(B)-asan $(B)-fuzz

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(TESTS:=.d)
