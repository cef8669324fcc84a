// What the Swift core needs from the machine and cannot say in Swift: the CRC32C instruction,
// cache-line prefetch, and memory on large pages. No state.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// CRC32C (Castagnoli, reflected, RFC 3720 B.4) of `count` bytes, continuing from `crc` (0 to start).
uint32_t thalweg_crc32c(uint32_t crc, const void *bytes, size_t count);

/// Asks for the cache line at `address`; a hint that never faults.
static inline void thalweg_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

/// A run of `bytes` zeros that starts at a multiple of 2 MiB, on large pages where the system has
/// them; `bytes` is a multiple of 2 MiB. NULL where there is no memory.
void *thalweg_pages_allocate(size_t bytes);

/// Makes a run longer or shorter; it may move, and what it gains is zero. NULL where there is no
/// memory: the run is then as it was.
void *thalweg_pages_resize(void *old, size_t old_bytes, size_t bytes);

void thalweg_pages_free(void *start, size_t bytes);
