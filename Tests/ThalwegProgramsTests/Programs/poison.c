// Sums numbers by key in a table that grows, and fails half-way through changes in every way there
// is. The determinism tests have the same rules in Swift.
#include "topic.h"

typedef struct {
  uint64_t key;
  int64_t sum;
  uint8_t used;
} slot;
static slot *slots;
static uint32_t capacity, used;
static uint64_t changes;
static volatile uint32_t spin;

static slot *find(uint64_t key) {
  uint32_t at = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 40) & (capacity - 1);
  while (slots[at].used && slots[at].key != key) at = (at + 1) & (capacity - 1);
  return &slots[at];
}

static void grow(void) {
  slot *old = slots;
  uint32_t count = capacity;
  capacity = count ? count * 2 : 16;
  slots = allocate(capacity * sizeof(slot));
  if (!slots) __builtin_trap();
  __builtin_memset(slots, 0, capacity * sizeof(slot));
  for (uint32_t i = 0; i < count; i++)
    if (old[i].used) *find(old[i].key) = old[i];
}

EXPORT(topic_init) int64_t topic_init(int32_t argument_bytes) {
  grow();
  return 0;
}

static void write_one(const input_frame *in, uint32_t input) {
  uint64_t key;
  int64_t x;
  __builtin_memcpy(&key, key_of(in), 8);
  __builtin_memcpy(&x, value_of(in), 8);
  if (x % 17 == 3) {
    emit(REJECT, input, "", 0, "no", 2, 42);
    return;
  }
  if (used * 4 >= capacity * 3) grow();
  slot *s = find(key);
  if (!s->used) {
    *s = (slot){key, 0, 1};
    used++;
  }
  s->sum += x;
  changes++;
  switch (x % 997) {
  case 5:
    for (;;) spin++;
  case 6:
    __builtin_trap();
  case 7:
    emit(UNDO, input, "", 0, "undone", 6, 43);
    return;
  case 8:
    allocate(1 << 20);
    __builtin_trap();
  case 9:
    return;
  case 10:
    emit(ACCEPT, input, "", 0, "", 0, 0);
    return;
  case 11:
    emit(PUT, input, &key, 8, &changes, 8, 0);
  }
  emit(PUT, input, &key, 8, &s->sum, 8, 0);
}
