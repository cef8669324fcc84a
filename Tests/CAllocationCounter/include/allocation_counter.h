// Counts the calls of malloc and its kin that the calling thread has made. Linking this overrides
// them for the whole process, the Swift runtime included.
#pragma once
#include <stdint.h>

/// 1 where calls can be counted: with glibc, and without a sanitizer that brings its own allocator.
int thalweg_counts_allocations(void);

/// Calls of this thread since it started; 0 for ever where they cannot be counted.
uint64_t thalweg_allocations(void);
