// What every test program shares: the frames of docs/programs.md, fixed buffers, a bump allocator.
#pragma once
#include <stddef.h>
#include <stdint.h>
#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(name) __attribute__((import_module("topic"), import_name(#name)))

typedef struct {
  uint32_t size;
  uint8_t operation, zero;
  uint16_t source;
  uint64_t offset, time, session, mask;
  uint32_t key_size, value_size, metadata_size, reserved[3];
} input_frame;
_Static_assert(sizeof(input_frame) == 64, "input frame");

typedef struct {
  uint32_t size, operation, input, key_size, value_size, code;
} output_frame;
enum { PUT = 1, DELETE = 2, REJECT = 3, ACCEPT = 4, UNDO = 5 };

#define PADDED(n) (((n) + 7u) & ~7u)
static uint8_t input_buffer[1 << 18] __attribute__((aligned(16)));
static uint8_t output_buffer[1 << 20] __attribute__((aligned(16)));
static uint32_t output_size;

EXPORT(topic_abi) int topic_abi(void) { return 1; }
EXPORT(topic_in) void *topic_in(void) { return input_buffer; }
EXPORT(topic_out) void *topic_out(void) { return output_buffer; }

static const uint8_t *key_of(const input_frame *in) { return (const uint8_t *)(in + 1); }
static const uint8_t *value_of(const input_frame *in) {
  return key_of(in) + PADDED(in->key_size);
}

static void emit(uint32_t operation, uint32_t input, const void *key, uint32_t key_size,
                 const void *value, uint32_t value_size, uint32_t code) {
  output_frame *out = (output_frame *)(output_buffer + output_size);
  uint32_t size = sizeof *out + PADDED(key_size) + PADDED(value_size);
  if (size > sizeof output_buffer - output_size) __builtin_trap();
  *out = (output_frame){size, operation, input, key_size, value_size, code};
  __builtin_memcpy(out + 1, key, key_size);
  __builtin_memcpy((uint8_t *)(out + 1) + PADDED(key_size), value, value_size);
  output_size += size;
}

// To the frame emitted last, a put or a delete.
static output_frame *last_frame(void) {
  uint32_t at = 0, last = 0;
  while (at < output_size) {
    last = at;
    at += ((output_frame *)(output_buffer + at))->size;
  }
  return (output_frame *)(output_buffer + last);
}

static void add_metadata(const void *bytes, uint32_t count) {
  output_frame *out = last_frame();
  __builtin_memcpy((uint8_t *)out + out->size, bytes, count);
  out->code = count;
  out->size += PADDED(count);
  output_size += PADDED(count);
}

extern uint8_t __heap_base;
static uintptr_t heap, heap_end;
// 0 where memory cannot grow.
static void *allocate(uint32_t bytes) {
  if (!heap) {
    heap = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
    heap_end = __builtin_wasm_memory_size(0) * 65536;
  }
  bytes = (bytes + 15) & ~15u;
  if (bytes > heap_end - heap) {
    uint32_t pages = (bytes - (heap_end - heap) + 65535) / 65536;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return 0;
    heap_end += pages * 65536;
  }
  void *place = (void *)heap;
  heap += bytes;
  return place;
}

static void write_one(const input_frame *in, uint32_t input);

EXPORT(topic_batch) uint64_t topic_batch(const uint8_t *frames, uint32_t count) {
  uint32_t done = 0;
  output_size = 0;
  while (done < count && output_size + (1 << 18) <= sizeof output_buffer) {
    const input_frame *in = (const input_frame *)frames;
    write_one(in, done);
    frames += in->size;
    done++;
  }
  // What is left in memory may not depend on how many writes came in this call.
  uint32_t size = output_size;
  output_size = 0;
  return (uint64_t)done << 32 | size;
}
