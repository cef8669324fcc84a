// Does what the first byte of a value says, so that a test can ask for anything. -DRECORDS adds
// what needs topic.get, -DBIG a place for large writes.
#include "topic.h"

static uint64_t counter;
static uint8_t note[64];
static uint32_t arguments;
static volatile uint32_t zero;
static volatile double not_a_number;
static double fraction = 0.0;

IMPORT(log) void topic_log(const void *text, uint32_t size);
#ifdef RECORDS
IMPORT(get) int64_t topic_get(const void *key, uint32_t key_size, uint32_t output_so_far,
                              void *value, uint32_t capacity);
static uint8_t found[1 << 16];
#endif

#ifdef BIG
static uint32_t big_calls;
EXPORT(topic_big) void *topic_big(uint32_t size) {
  static uint8_t *place;
  static uint32_t capacity;
  big_calls++;
  if (size > capacity) {
    place = allocate(size);
    capacity = size;
  }
  return place;
}
EXPORT(topic_big_free) void topic_big_free(void *place) { big_calls++; }
#endif

EXPORT(topic_init) int64_t topic_init(int32_t argument_bytes) {
  arguments = argument_bytes;
  output_size = 0;
  switch (argument_bytes ? input_buffer[0] : 0) {
  case '!': emit(REJECT, 0, "", 0, "bad argument", 12, 7); return output_size;
  case 'L': for (;;) counter++;
  case 'T': __builtin_trap();
  case '?': return 12345;
#ifdef RECORDS
  case 'G': topic_get("k", 1, 0, found, sizeof found); break;
#endif
  }
  __builtin_memcpy(note, input_buffer, argument_bytes < 64 ? argument_bytes : 64);
  return 0;
}

EXPORT(topic_load) uint64_t topic_load(const uint8_t *frames, uint32_t count) {
  output_size = 0;
  for (uint32_t i = 0; i < count; i++) {
    const input_frame *in = (const input_frame *)frames;
    counter += in->value_size;
    if (in->value_size && value_of(in)[0] == '!') {
      emit(REJECT, i, "", 0, "bad record", 10, 8);
      return (uint64_t)i << 32 | output_size;
    }
    frames += in->size;
  }
  return (uint64_t)count << 32;
}

// Through a pointer that may change, so that no compiler makes a loop of it.
static uint32_t recurse(uint32_t depth);
static uint32_t (*volatile again)(uint32_t) = recurse;
static uint32_t recurse(uint32_t depth) { return again(depth + 1) + 1; }

static void bad_output(uint8_t kind, uint32_t input) {
  output_frame *out = (output_frame *)(output_buffer + output_size);
  switch (kind) {
  case '0': emit(99, input, "", 0, "", 0, 0); return;
  case '1': emit(PUT, input + 1000, "k", 1, "v", 1, 0); return;
  case '2': emit(PUT, input, note, 0, output_buffer, 300, 0); emit(REJECT, input, "", 0, "", 0, 1); return;
  case '3': emit(PUT, input, "k", 1, "v", 1, 0); out->size = 0; return;
  case '4': emit(PUT, input, "k", 1, "v", 1, 0); out->key_size = 0xfffffff0u; return;
  case '5': emit(PUT, input, output_buffer, 256, "v", 1, 0); return;
  case '6': emit(ACCEPT, input, "k", 1, "", 0, 0); return;
  case '7': emit(DELETE, input, "k", 1, "v", 1, 0); return;
  case '8': emit(REJECT, input, "", 0, output_buffer, 1025, 1); return;
  case '9': output_size += 3; return;
  case 'a': for (int i = 0; i < 5; i++) emit(PUT, input, "k", 1, output_buffer, 60000, 0); return;
  case 'b': output_size = 0x7fffffff; return;
  case 'c': emit(PUT, input, "k", 1, "no", 2, 0); return;
  case 'd': emit(PUT, input, "k", 1, "v", 1, 5); return;
  }
}

static void write_one(const input_frame *in, uint32_t input) {
  const uint8_t *key = key_of(in), *value = value_of(in);
  uint8_t order = in->value_size ? value[0] : in->operation == 3 ? 'a' : 0;
  counter++;
  switch (order) {
  case 'a': emit(ACCEPT, input, "", 0, "", 0, 0); return;
  case 'r': counter--; emit(REJECT, input, "", 0, value + 1, in->value_size - 1, 100); return;
  case 'u': counter += 1000; emit(UNDO, input, "", 0, value + 1, in->value_size - 1, 101); return;
  case 'n': return;
  case 'c': emit(PUT, input, key, in->key_size, &counter, 8, 0); return;
  case 's':
    emit(PUT, input, key, in->key_size, value, in->value_size, 0);
    emit(PUT, input, "twin", 4, value, in->value_size, 0);
    return;
  // A put or delete with metadata of its own.
  case 'j':
    emit(PUT, input, key, in->key_size, "j", 1, 0);
    add_metadata(value + 1, in->value_size - 1);
    return;
  case 'J':
    emit(DELETE, input, key, in->key_size, "", 0, 0);
    add_metadata(value + 1, in->value_size - 1);
    return;
  case 'd': emit(DELETE, input, key, in->key_size, "", 0, 0); return;
  case 'i': emit(PUT, input, key, in->key_size, in, sizeof *in, 0); return;
  case 'e': emit(PUT, input, "note", 4, note, arguments, 0); return;
  case 'f': {
    emit(PUT, input, key, in->key_size, output_buffer, 100000, 0);
    return;
  }
  case 'l': counter += 1000; for (;;) zero = 0;
  case 't': counter += 1000; __builtin_trap();
  case 'z': counter += 1000; emit(PUT, input, "z", 1, "z", 1000 / zero, 0); return;
  case 'o': counter += 1000; *(volatile uint8_t *)0xfffffff0u = 1; return;
  case 'k': counter += 1000; zero = recurse(1); return;
  case 'm': counter += 1000; while (allocate(1 << 20)) {} __builtin_trap();
  case 'M': emit(PUT, input, "m", 1, allocate(1 << 20) ? "y" : "n", 1, 0); return;
  case 'b': counter += 1000; bad_output(value[1], input); return;
  case 'N': {
    double results[3];
    not_a_number = fraction / fraction;
    results[0] = not_a_number;
    results[1] = -not_a_number * 2;
    results[2] = __builtin_sqrt(-1.0 - fraction);
    emit(PUT, input, "nan", 3, results, sizeof results, 0);
    return;
  }
  case 'p': topic_log(value + 1, in->value_size - 1); return;
  case 'P': topic_log((void *)0xfffffff0u, 100); return;
#ifdef RECORDS
  case 'g': {
    int64_t size = topic_get(value + 1, in->value_size - 1, output_size, found, sizeof found);
    emit(PUT, input, "got", 3, size < 0 ? "none" : (void *)found, size < 0 ? 4 : (uint32_t)size, 0);
    return;
  }
  case 'G': {
    int64_t size = topic_get("k", 1, output_size, found, 2);
    emit(PUT, input, "size", 4, &size, 8, 0);
    return;
  }
  case 'h': topic_get("k", 1, output_size, (void *)0xfffffff0u, 1 << 16); return;
  case 'H': topic_get("k", 1, 0xffffff00u, found, 1); return;
  case 'W':
    for (int i = 0; i < 300; i++) topic_get("k", 1, output_size, found, sizeof found);
    return;
  case 'w': for (;;) topic_get("?", 1, output_size, found, sizeof found);
#endif
#ifdef BIG
  case 'B': emit(PUT, input, "big", 3, &big_calls, 4, 0); return;
#endif
  }
}
