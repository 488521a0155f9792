# SPDX-License-Identifier: Apache-2.0
# dumpleak - one Makefile, no configure step; everything it makes is under $(B).

B       ?= build
CC      ?= cc
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
PKGS    := libkdumpfile zlib jansson smartcols
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes
STD     := -std=c11 -D_POSIX_C_SOURCE=200809L
PC_C    := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PC_L    := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
ALL_C   := $(STD) $(WARN) $(WERROR) -Iinclude $(PC_C) $(CFLAGS) $(SAN) -MMD -MP
ALL_L   := $(LDFLAGS) $(SAN)
LIBS    := $(PC_L) -lpthread -lm

LAYERS  := base container memory os pool mine report
LIB_SRC := $(foreach l,$(LAYERS),$(filter-out %_test.c,$(wildcard src/$(l)/*.c)))
CLI_SRC := $(wildcard src/cli/*.c)
TESTS   := $(wildcard src/*/*_test.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(B)/%.o)

.PHONY: all clean unit
all: $(B)/dumpleak

$(B)/dumpleak: $(CLI_OBJ) $(B)/libdumpleak.a
	$(CC) $(ALL_L) -o $@ $(CLI_OBJ) $(B)/libdumpleak.a $(LIBS)

$(B)/libdumpleak.a: $(LIB_OBJ)
	rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_C) -c -o $@ $<

# Unit tests: src/LAYER/NAME_test.c beside NAME.c, one cmocka program each.
$(B)/test/%_test: src/%_test.c $(B)/libdumpleak.a
	@mkdir -p $(@D)
	$(CC) $(ALL_C) $(ALL_L) -o $@ $< $(B)/libdumpleak.a $(LIBS) -lcmocka
# A second opinion on address translation, for its test only.
$(B)/test/memory/addrxlat_test: LIBS += $(shell pkg-config --libs libaddrxlat)
unit: $(TESTS:src/%.c=$(B)/test/%)
	@set -e; for t in $^; do $$t; done

clean:
	rm -rf $(B)

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d)
