// Runs of memory on large pages. A run starts at a multiple of 2 MiB and is moved only to another
// such start, so that growing it moves the entries of the page table and keeps the pages large.
// (`realloc` moves to any page: each move then breaks every large page into 512 small ones.)
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "thalweg_shims.h"

#include <stdlib.h>

#define PAGE ((size_t)2 << 20)

#if defined(__linux__)
#include <sys/mman.h>

// Address space for `bytes` at a multiple of `PAGE`, with nothing behind it yet.
static char *reserve(size_t bytes) {
  char *start = mmap(NULL, bytes + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return NULL;
  size_t head = (PAGE - ((size_t)start & (PAGE - 1))) & (PAGE - 1);
  if (head > 0) munmap(start, head);
  if (head < PAGE) munmap(start + head + bytes, PAGE - head);
  return start + head;
}

void *thalweg_pages_allocate(size_t bytes) {
  char *start = reserve(bytes);
  if (start == NULL) return NULL;
  if (mprotect(start, bytes, PROT_READ | PROT_WRITE) != 0) {
    munmap(start, bytes);
    return NULL;
  }
  // A hint: without large pages everything works, slower.
  madvise(start, bytes, MADV_HUGEPAGE);
  return start;
}

void *thalweg_pages_resize(void *old, size_t old_bytes, size_t bytes) {
  void *same = mremap(old, old_bytes, bytes, 0);
  if (same != MAP_FAILED) return same;
  char *start = reserve(bytes);
  if (start == NULL) return NULL;
  void *moved = mremap(old, old_bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, start);
  if (moved != MAP_FAILED) return moved;
  munmap(start, bytes);
  return NULL;
}

void thalweg_pages_free(void *start, size_t bytes) { munmap(start, bytes); }
#else
void *thalweg_pages_allocate(size_t bytes) {
  void *start = NULL;
  if (posix_memalign(&start, PAGE, bytes) != 0) return NULL;
  memset(start, 0, bytes);
  return start;
}

void *thalweg_pages_resize(void *old, size_t old_bytes, size_t bytes) {
  void *start = thalweg_pages_allocate(bytes);
  if (start == NULL) return NULL;
  memcpy(start, old, old_bytes < bytes ? old_bytes : bytes);
  free(old);
  return start;
}

void thalweg_pages_free(void *start, size_t bytes) {
  (void)bytes;
  free(start);
}
#endif
