# neon_s3 with PGXS: make, make install, make installcheck (PG_CONFIG=... for another PostgreSQL).
EXTENSION = neon_s3
MODULE_big = neon_s3
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" neon_s3.control)
DATA = $(wildcard sql/neon_s3--*.sql)
OBJS = $(patsubst %.cpp,%.o,$(wildcard src/core/*.cpp src/net/*.cpp src/pg/*.cpp))
REGRESS = extension presign post_policy settings server upload object list batch large_object multipart stats bucket doctor lifecycle move

# Whatever the locale of the server is, expected output has UTF-8.
REGRESS_OPTS = --encoding=UTF8

# Debian's PGXS tracks no dependencies on headers, so the compiler does. PostgreSQL 15's headers say
# "register", which C++17 dropped.
PG_CPPFLAGS = -Isrc -DNEON_S3_VERSION='"$(EXTVERSION)"'
PG_CXXFLAGS = -std=c++17 -fvisibility=hidden -Wall -Wextra -Wno-unused-parameter -Wno-register -MMD -MP
# make STRICT=yes: a warning is an error, of g++ or clang (bitcode, or CXX=clang++), and assertions are checked.
ifdef STRICT
PG_CPPFLAGS += -DUSE_ASSERT_CHECKING
PG_CXXFLAGS += -Werror
# What PostgreSQL was built with, and its headers say for it, is g++'s.
ifneq ($(findstring clang,$(CXX)),)
PG_CXXFLAGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes
endif
endif
SHLIB_LINK = -lcurl -lcrypto -lpugixml -lz -lzstd -lstdc++
EXTRA_CLEAN = $(OBJS:.o=.d) $(OBJS:.o=.bc)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)

# A PostgreSQL with JIT wants bitcode too, which only clang makes: where it is missing, JIT inlines nothing of ours.
CLANG ?= $(shell sed -n 's/^CLANG *= *//p' $(dir $(PGXS))../Makefile.global 2>/dev/null)
ifeq ($(shell command -v $(firstword $(CLANG) clang)),)
override with_llvm = no
endif

include $(PGXS)

# PGXS leaves PG_CXXFLAGS out of the bitcode, whose dependency files would overwrite the objects'.
COMPILE.cxx.bc += $(filter-out -MMD -MP,$(PG_CXXFLAGS))

-include $(OBJS:.o=.d)
