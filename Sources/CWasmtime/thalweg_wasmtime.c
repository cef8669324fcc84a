#define _GNU_SOURCE
#include "thalweg_wasmtime.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

struct thalweg_wasmtime_table thalweg_wasmtime;

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static void *opened;

// The library's own versioned symbol: declarations above are those of this version and no other.
static const char *const version_symbol = "resolve_vmctx_memory_ptr_50_0_0";

static int fill(void *library, const char *path, char *message, size_t size) {
  if (!dlsym(library, version_symbol)) {
    snprintf(message, size, "%s is not wasmtime 50.0", path);
    return 1;
  }
#define X(result, name, parameters, arguments) \
  if (!(thalweg_wasmtime.name = (result(*) parameters)dlsym(library, #name))) { \
    snprintf(message, size, "%s has no %s", path, #name); \
    return 1; \
  }
  THALWEG_WASMTIME_FUNCTIONS(X)
#undef X
  return 0;
}

int thalweg_wasmtime_open(const char *path, char *message, size_t size) {
  pthread_mutex_lock(&opening);
  int failed = 0;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    snprintf(message, size, "%s", reason ? reason : path);
    failed = 1;
  } else if (!opened) {
    failed = fill(library, path, message, size);
    if (!failed) opened = library;
  } else if (opened != library) {
    snprintf(message, size, "%s cannot be opened beside the engine already in use", path);
    failed = 1;
  }
  pthread_mutex_unlock(&opening);
  return failed;
}

size_t thalweg_stack_left(void) {
  pthread_attr_t attributes;
  void *lowest;
  size_t size;
  if (pthread_getattr_np(pthread_self(), &attributes)) return 0;
  int failed = pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_destroy(&attributes);
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  if (failed || here < (uintptr_t)lowest) return 0;
  return here - (uintptr_t)lowest;
}
