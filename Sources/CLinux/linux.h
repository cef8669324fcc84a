#pragma once
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

/// The cores that the calling thread may run on, a bit each; the bytes that were filled in, or -1.
static inline long thalweg_get_cores(unsigned char *bits, size_t bytes) {
  return syscall(SYS_sched_getaffinity, 0, bytes, bits);
}

/// Lets the calling thread run on these cores only; -1 where it may run on none of them.
static inline long thalweg_set_cores(const unsigned char *bits, size_t bytes) {
  return syscall(SYS_sched_setaffinity, 0, bytes, bits);
}
